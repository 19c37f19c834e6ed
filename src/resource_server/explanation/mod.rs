//! [`Explanation`]: why a token is accepted or refused, check by check, for a developer.

mod advice;
mod case;
mod finding;
mod microsoft;

use std::fmt;

use self::case::Case;
use self::finding::Finding;
use super::check::{Check, Place};
use super::rejection::Rejection;
use super::validator::Validator;

/// Why a [`Validator`] accepts or refuses a token, check by check: made by [`Validator::explain`].
///
/// **For developers only.** [`CheckOutcome::Failed`] and [`advice`](Self::advice) show values of claims, what this service accepts
/// and how its issuer answered. Never send them to a caller, and never log them: a caller is told what the [`Rejection`] says,
/// and `Debug` shows the outcomes alone. What is shown of a token whose signature was not verified, anybody may have written; it is
/// marked as *unverified*. The token itself and its signature are never shown.
pub struct Explanation {
    rejection: Option<Rejection>,
    stopped: Option<(Place, Finding)>,
    /// Among several issuers, one is chosen before the header is looked at.
    issuer_comes_first: bool,
    advice: Vec<String>,
}

/// How one [`Check`] went. `Debug` does not show what was expected and found.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckOutcome<'e> {
    /// The token is as it has to be.
    Passed,
    /// The token was refused here.
    Failed {
        /// What the validator accepts.
        expected: &'e str,
        /// What the token has instead, with the value of the claim.
        found: &'e str,
    },
    /// Nothing is known: the token was refused before. That is also said of the key and the signature where the claims alone
    /// were reason enough not to fetch a key.
    NotReached,
}

impl Validator {
    /// Checks a token as [`verify`](Self::verify) does, and says how each check went, with advice on the usual mistakes.
    ///
    /// **For developers only**, as in the example `explain`, a test or a tool of your own: an [`Explanation`] holds values of
    /// claims. Never send it to a caller.
    ///
    /// Keys are fetched only for a token whose claims pass. Await [`Issuer::ready`](crate::Issuer::ready) first to learn of the
    /// signature of the others too. Where keys were given and a `kid` is none of theirs, a caller is told so, and the claims are not
    /// looked at: here they are, and what fails first in them is what failed.
    ///
    /// ```
    /// use tower_bearer::testing::TestIssuer;
    /// use tower_bearer::{Check, CheckOutcome};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let authority = TestIssuer::new();
    /// let validator = authority.issuer().validator("api://orders");
    ///
    /// let explanation = validator.explain(&authority.token("api://orders/").sign()).await;
    /// for (check, outcome) in explanation.checks() {
    ///     match outcome {
    ///         CheckOutcome::Passed => println!("{check}: passed"),
    ///         CheckOutcome::Failed { expected, found } => println!("{check}: FAILED, expected {expected}, found {found}"),
    ///         _ => println!("{check}: not reached"),
    ///     }
    /// }
    /// assert!(matches!(explanation.outcome(Check::Audience), CheckOutcome::Failed { .. }));
    /// assert!(explanation.advice().any(|sentence| sentence.contains("a slash at the end")));
    /// # }
    /// ```
    pub async fn explain(&self, token: &str) -> Explanation {
        let rejection = self.verify(token).await.err();
        // To a developer, the claims of a token whose key is missing tell more.
        let place = rejection.as_ref().and_then(Rejection::place).filter(|place| place.check == Check::Key);
        let by_claims = place.and_then(|_| self.by_claims_first(token));
        let case = Case::read(&self.rules, token, by_claims.as_ref().or(rejection.as_ref()));
        let stopped = case.failed().map(|place| (place, finding::of(&case, place.check)));
        let advice = advice::on(&case);
        Explanation { stopped, advice, issuer_comes_first: self.rules.len() > 1, rejection }
    }
}

impl Explanation {
    /// Whether the token is accepted.
    pub fn is_accepted(&self) -> bool {
        self.rejection.is_none()
    }

    /// What a caller with this token is told.
    pub fn rejection(&self) -> Option<&Rejection> {
        self.rejection.as_ref()
    }

    /// How each check went, in the order of [`Check::ALL`].
    pub fn checks(&self) -> impl Iterator<Item = (Check, CheckOutcome<'_>)> {
        Check::ALL.iter().map(|check| (*check, self.outcome(*check)))
    }

    /// How this check went.
    pub fn outcome(&self, check: Check) -> CheckOutcome<'_> {
        let Some((place, finding)) = &self.stopped else { return CheckOutcome::Passed };
        if check == place.check {
            return CheckOutcome::Failed { expected: &finding.expected, found: &finding.found };
        }
        let was_postponed = matches!(check, Check::Key | Check::Signature) && !place.signature_was_verified;
        let was_chosen = check == Check::Issuer
            && self.issuer_comes_first
            && matches!(place.check, Check::Header | Check::Algorithm)
            && finding.issuer_is_known;
        let passed = match place.check {
            // A signature is only looked at where there is a key.
            Check::Signature => check < Check::Signature,
            _ => check < place.check && !was_postponed,
        };
        if passed || was_chosen { CheckOutcome::Passed } else { CheckOutcome::NotReached }
    }

    /// Whether the issuer signed what the token says. Otherwise anybody may have written it.
    pub fn is_signature_verified(&self) -> bool {
        self.stopped.as_ref().is_none_or(|(place, _)| place.signature_was_verified)
    }

    /// Sentences on what may be wrong and how to mend it; none where nothing is known.
    pub fn advice(&self) -> impl Iterator<Item = &str> {
        self.advice.iter().map(String::as_str)
    }
}

/// Shows how each check went, and nothing of the token.
impl fmt::Debug for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Explanation ")?;
        f.debug_map().entries(self.checks()).finish()
    }
}

impl fmt::Debug for CheckOutcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "Passed",
            Self::Failed { .. } => "Failed { .. }",
            Self::NotReached => "NotReached",
        })
    }
}
