//! A token on a request of reqwest.

use reqwest::RequestBuilder;

use super::AccessToken;
use crate::error::Error;
use crate::transport::Url;

impl AccessToken {
    /// Puts the token into the `Authorization` header of this request, in place of one that is there.
    ///
    /// Where the token may go is up to the caller, but for this: over plain http it goes to loopback alone. See
    /// [`AddBearerLayer`](super::AddBearerLayer) for a client that knows the API's origin and tries again after a 401.
    ///
    /// ```no_run
    /// # async fn call(jobs: tower_bearer::ClientCredentials, http: reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let request = http.get("https://stock.internal/items");
    /// let response = jobs.token().await?.authorize(request)?.send().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The request can't be built, or would go over plain http to another machine.
    pub fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, Error> {
        let (client, request) = request.build_split();
        let mut request =
            request.map_err(|_| Error::configuration("the request can't be built: is its URL absolute?"))?;
        let url = Url::parse("the URL of the request", request.url().as_str())?;
        if !(url.is_https() || url.is_loopback()) {
            return Err(Error::configuration(format!(
                "the token is not sent to {}, which is plain http on another machine: use https",
                url.origin()
            )));
        }
        request.headers_mut().insert(http::header::AUTHORIZATION, self.authorization());
        Ok(RequestBuilder::from_parts(client, request))
    }
}
