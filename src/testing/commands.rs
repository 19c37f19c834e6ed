//! What the endpoints of a [`TestIssuer`] or a [`TestDirectory`] are told: to wait, to fail, and to say what came.

use std::time::Duration;

use super::{Endpoint, Fault, Hold, Shared, TestDirectory, TestIssuer, TestTokenRequest, TestTransport};

/// The same commands for whatever has endpoints.
macro_rules! commands {
    ($authority:ident) => {
        impl $authority {
            /// How many requests came to this endpoint, those that failed included.
            pub fn requests(&self, endpoint: Endpoint) -> usize {
                self.endpoints_of().endpoints.requests(endpoint)
            }

            /// Requests to this endpoint fail from now on.
            pub fn fail(&self, endpoint: Endpoint, fault: Fault) {
                self.endpoints_of().endpoints.fail(endpoint, Some(fault));
            }

            /// Requests to this endpoint are answered again, at once.
            pub fn recover(&self, endpoint: Endpoint) {
                self.endpoints_of().endpoints.fail(endpoint, None);
                self.endpoints_of().endpoints.delay(endpoint, Duration::ZERO);
            }

            /// Requests to this endpoint wait so long, by the time of the tokio runtime, before they are answered.
            pub fn delay(&self, endpoint: Endpoint, by: Duration) {
                self.endpoints_of().endpoints.delay(endpoint, by);
            }

            /// Requests to this endpoint wait until the value that this returns is dropped.
            pub fn hold(&self, endpoint: Endpoint) -> Hold {
                self.endpoints_of().endpoints.hold(endpoint)
            }

            /// Those requests to the token endpoint of which this says so wait until the value that this returns is dropped.
            pub fn hold_token_requests(
                &self,
                matching: impl Fn(&TestTokenRequest) -> bool + Send + Sync + 'static,
            ) -> Hold {
                self.endpoints_of().tokens.hold(matching)
            }

            /// What was sent to the token endpoint so far, in the order in which it came.
            pub fn token_requests(&self) -> Vec<TestTokenRequest> {
                self.endpoints_of().tokens.received()
            }

            /// A transport that asks this one in memory.
            pub fn transport(&self) -> TestTransport {
                TestTransport::to(self.shared.clone())
            }
        }
    };
}

commands!(TestIssuer);
commands!(TestDirectory);

impl TestIssuer {
    fn endpoints_of(&self) -> &Shared {
        &self.shared
    }
}

impl TestDirectory {
    fn endpoints_of(&self) -> &Shared {
        &self.shared.authority.shared
    }
}
