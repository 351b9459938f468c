/** Names of the identity-aware proxy that the load balancer, the edge service and applications agree on. */

/** `__Host-`: only for this very host, only over TLS, never set by a sibling. */
export const SESSION_COOKIE = '__Host-GCP_IAP_AUTH_TOKEN';

/** Everything below is answered by the edge service on every protected host. */
export const OWN_PATHS = '/_gcp_iap/';
/** Where somebody without a session is sent; `rd` is the path, with its query, to come back to on the same host. */
export const SIGN_IN_PATH = '/_gcp_iap/sign-in';
export const IDENTITY_PATH = '/_gcp_iap/identity';
export const CLEAR_PATH = '/_gcp_iap/clear_login_cookie';
export const REFRESH_PATH = '/_gcp_iap/do_session_refresh';
export const REFRESHER_PATH = '/_gcp_iap/session_refresher';
/** As a parameter of the query, on any path. */
export const MODE_PARAMETER = 'gcp-iap-mode';

/** Where applications fetch the keys of assertions, at Google on www.gstatic.com. */
export const JWK_PATH = '/iap/verify/public_key-jwk';
export const PEM_PATH = '/iap/verify/public_key';

export const ASSERTION_HEADER = 'x-goog-iap-jwt-assertion';
export const EMAIL_HEADER = 'x-goog-authenticated-user-email';
export const ID_HEADER = 'x-goog-authenticated-user-id';
/** On every answer that is ours and not the application's. */
export const GENERATED_HEADER = 'x-goog-iap-generated-response';

export const ISSUER = 'https://cloud.google.com/iap';
/** Before addresses and ids of people, as Google writes them. */
export const ACCOUNTS = 'accounts.google.com';

export const audienceOf = (projectNumber: string, serviceId: string): string =>
  `/projects/${projectNumber}/global/backendServices/${serviceId}`;
