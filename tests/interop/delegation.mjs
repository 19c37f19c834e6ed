// The grants by which an API gets tokens for the next one as the person who called it. `oidc-provider` has neither of the two, so they
// are registered here and are as we read their documents: that the provider takes our requests says nothing of how others would. Its
// own are the tokens, the refresh tokens, their rotation, and how clients prove who they are.
//
// In both the person's token has to be one of this provider in ES256, still good, and for the API `api://` and the client's id.

import { createPublicKey, verify } from 'node:crypto';
import { errors } from 'oidc-provider';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';

/** The claims of a token that this provider made and that is still good; nothing for any other. */
function read(token, issuer, keys) {
  const [header, payload, signature] = token.split('.');
  const part = (text) => JSON.parse(Buffer.from(text, 'base64url'));
  try {
    const { kid, alg } = part(header);
    const jwk = keys.find((key) => key.kid === kid);
    const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
    const isSigned = verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'));
    const claims = part(payload);
    const isGood = alg === 'ES256' && isSigned && claims.iss === issuer && claims.exp > Date.now() / 1000;
    return isGood ? claims : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Has the provider, which publishes `keys`, take both grants. `serverOf` finds what `getResourceServerInfo` finds.
 */
export function registerDelegation(provider, keys, serverOf) {
  const personOf = (token, client) => {
    const claims = read(token ?? '', provider.issuer, keys);
    return claims?.aud === `api://${client.clientId}` ? claims : undefined;
  };

  /** A token for the API `name`, and a refresh token where `offline_access` is asked for. */
  async function tokensFor(ctx, { sub, act }, name) {
    const { client, params } = ctx.oidc;
    if (typeof name !== 'string') throw new errors.InvalidTarget('one API has to be named');
    const server = new provider.ResourceServer(name, await serverOf(ctx, name, client));
    const asked = (params.scope ?? '').split(' ');
    const scope = asked.filter((one) => server.scopes.has(one)).join(' ');
    if (!scope) throw new errors.InvalidScope('the API has no such scope', params.scope);

    const grant = new provider.Grant({ accountId: sub, clientId: client.clientId });
    grant.addResourceScope(name, scope);
    const grantId = await grant.save();

    const own = { accountId: sub, client, grantId, gty: params.grant_type, scope };
    const access = new provider.AccessToken(own);
    access.resourceServer = server;
    access.act = act; // which the provider's customizer writes into the token
    const refresh = new provider.RefreshToken({ ...own, resource: name });
    return {
      access_token: await access.save(),
      token_type: access.tokenType,
      expires_in: access.expiration,
      scope,
      ...(asked.includes('offline_access') && { refresh_token: await refresh.save() }),
    };
  }

  // As Microsoft documents it, on top of RFC 7523 §2.1. What is wrong with an assertion is `invalid_grant` (§3.1).
  async function onBehalfOf(ctx) {
    const { client, params } = ctx.oidc;
    if (params.requested_token_use !== 'on_behalf_of') throw new errors.InvalidRequest('requested_token_use is wrong');
    const person = personOf(params.assertion, client);
    if (!person) throw new errors.InvalidGrant('the assertion is not good for this client');
    ctx.body = await tokensFor(ctx, person, params.resource);
  }

  // RFC 8693 §2. What is wrong with a subject's or an actor's token is `invalid_request` (§2.2.2).
  async function tokenExchange(ctx) {
    const { client, params } = ctx.oidc;
    const issued = params.requested_token_type ?? ACCESS_TOKEN;
    if (params.subject_token_type !== ACCESS_TOKEN || ![ACCESS_TOKEN, JWT].includes(issued)) {
      throw new errors.InvalidRequest('the type of token is not supported');
    }
    const person = personOf(params.subject_token, client);
    if (!person) throw new errors.InvalidRequest('the subject_token is not good for this client');
    const actor = params.actor_token && read(params.actor_token, provider.issuer, keys);
    if (params.actor_token && (!actor || params.actor_token_type !== ACCESS_TOKEN)) {
      throw new errors.InvalidRequest('the actor_token is not good');
    }
    const { sub } = person;
    const tokens = await tokensFor(ctx, { sub, act: actor && { sub: actor.sub } }, params.audience ?? params.resource);
    ctx.body = { ...tokens, issued_token_type: issued, ...(issued === JWT && { token_type: 'N_A' }) };
  }

  provider.registerGrantType(JWT_BEARER, onBehalfOf, ['assertion', 'requested_token_use', 'scope', 'resource']);
  provider.registerGrantType(TOKEN_EXCHANGE, tokenExchange, [
    'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type', 'scope', 'resource', 'audience',
  ]);
}
