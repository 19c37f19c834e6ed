//! Services of tonic behind the guard.
