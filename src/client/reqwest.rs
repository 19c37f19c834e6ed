//! A token on a request of reqwest.

use http::header::AUTHORIZATION;
use reqwest::RequestBuilder;

use super::AccessToken;
use crate::error::Error;
use crate::transport::Url;

impl AccessToken {
    /// Puts the token into the `Authorization` header of this request, in place of one that is there, marked as sensitive.
    ///
    /// Where the token may go is up to the caller, but for this: over plain http it goes to loopback alone. reqwest follows redirects
    /// unless told otherwise; it takes the header away where one leads to another host. See
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
        // reqwest's own error may quote the URL.
        let mut request = request.map_err(|_| {
            Error::configuration(
                "the request can't be built: its URL is not absolute, or a header or its body is wrong",
            )
        })?;
        let url = Url::parse("the URL of the request", request.url().as_str())?;
        if !(url.is_https() || url.is_loopback()) {
            return Err(Error::configuration(format!(
                "the token is not sent to {}, which is plain http on another machine: use https",
                url.origin()
            )));
        }
        request.headers_mut().insert(AUTHORIZATION, self.authorization());
        Ok(RequestBuilder::from_parts(client, request))
    }
}
