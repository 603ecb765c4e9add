/**
 * Errors of the token endpoint: AADSTS number → OAuth error, HTTP status and text. `{name}` stands for a value of the
 * request. Sources: "Microsoft Entra authentication & authorization error codes" and bodies quoted in public issues.
 */
export type OAuthError =
  | 'invalid_grant'
  | 'interaction_required'
  | 'invalid_client'
  | 'unauthorized_client'
  | 'invalid_request'
  | 'invalid_resource'
  | 'invalid_scope'
  | 'unsupported_grant_type'
  | 'temporarily_unavailable'
  | 'server_error'
  | 'access_denied'
  | 'authorization_pending'
  | 'authorization_declined'
  | 'slow_down'
  | 'expired_token'
  | 'bad_verification_code'
  | 'unsupported_response_type'
  | 'login_required';

export interface AadstsEntry {
  readonly error: OAuthError;
  readonly status: number;
  readonly text: string;
  /** The subclass of the error, which MSAL reads. */
  readonly suberror?: string;
  /** Whether the body has `claims` that name the policy. A client passes them on to the next sign-in. */
  readonly claims?: true;
  readonly retryAfterSeconds?: number;
}

const invalidGrant = (text: string, suberror?: string): AadstsEntry => ({
  error: 'invalid_grant',
  status: 400,
  text,
  ...(suberror === undefined ? {} : { suberror }),
});
const policyRefusal = (text: string, suberror = 'message_only'): AadstsEntry => ({
  ...invalidGrant(text, suberror),
  claims: true,
});
const invalidClient = (text: string): AadstsEntry => ({ error: 'invalid_client', status: 401, text });
const unauthorizedClient = (text: string): AadstsEntry => ({ error: 'unauthorized_client', status: 400, text });
const invalidRequest = (text: string): AadstsEntry => ({ error: 'invalid_request', status: 400, text });
const invalidResource = (text: string): AadstsEntry => ({ error: 'invalid_resource', status: 400, text });
const invalidScope = (text: string): AadstsEntry => ({ error: 'invalid_scope', status: 400, text });
const temporarilyUnavailable = (text: string): AadstsEntry => ({ error: 'temporarily_unavailable', status: 503, text });
const serverError = (text: string): AadstsEntry => ({ error: 'server_error', status: 500, text });

export const aadstsTable: Readonly<Record<number, AadstsEntry>> = {
  16000: invalidGrant(
    "User account '{user}' from identity provider '{idp}' does not exist in tenant '{tenant}' and cannot access the application '{client}' in that tenant.",
    'basic_action',
  ),
  28000: invalidRequest(
    'Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {scope} is not valid.',
  ),
  28002: {
    error: 'invalid_scope',
    status: 400,
    text: 'Provided value for the input parameter scope is not valid when requesting an access token. Please specify a valid scope.',
  },
  28003: {
    error: 'invalid_scope',
    status: 400,
    text: "Provided value for the input parameter 'scope' can't be empty when requesting an access token using the provided authorization code. Please specify a valid scope.",
  },
  50000: serverError('There was an error issuing a token or an issue with our sign-in service.'),
  50011: invalidRequest(
    "The redirect URI '{redirect}' specified in the request does not match the redirect URIs configured for the application '{client}'.",
  ),
  50014: invalidGrant("The user's redemption is in a pending state. The guest user account isn't fully created yet."),
  50020: invalidGrant(
    "User account '{user}' from identity provider '{idp}' does not exist in tenant '{tenant}' and cannot access the application '{client}'({app}) in that tenant. The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different Azure Active Directory user account.",
  ),
  50027: invalidClient('JWT token is invalid or malformed.'),
  50033: temporarilyUnavailable('RetryableError - A transient error that is not related to the database operations.'),
  50034: invalidGrant(
    'The user account {user} does not exist in the {tenant} directory. To sign into this application, the account must be added to the directory.',
  ),
  50053: invalidGrant(
    "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
  ),
  50055: invalidGrant('The password is expired.', 'user_password_expired'),
  50057: invalidGrant('The user account is disabled.'),
  50059: invalidRequest(
    'No tenant-identifying information found in either the request or implied by any provided credentials.',
  ),
  50072: policyRefusal(
    'Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access {resource}.',
    'basic_action',
  ),
  50074: policyRefusal('Strong Authentication is required.', 'basic_action'),
  50076: policyRefusal(
    'Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access {resource}.',
    'basic_action',
  ),
  50078: policyRefusal(
    'Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access {resource}.',
    'basic_action',
  ),
  50079: policyRefusal(
    'Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access {resource}.',
    'basic_action',
  ),
  50087: temporarilyUnavailable('A transient error has occurred during strong authentication. Please try again.'),
  50089: invalidGrant('Authentication failed due to flow token expired.'),
  50097: policyRefusal('Device authentication is required.', 'basic_action'),
  50105: invalidGrant(
    "Your administrator has configured the application {app} ('{client}') to block users unless they are specifically granted ('assigned') access to the application. The signed-in user '{user}' is blocked because they are not a direct member of a group with access, nor had access directly assigned by an administrator.",
  ),
  50129: policyRefusal(
    'Device is not Workplace joined. Workplace join is required to register the device.',
    'basic_action',
  ),
  50131: policyRefusal(
    'Device is not in required device state. Conditional Access policy requires a compliant device, and the device is not compliant.',
  ),
  50132: invalidGrant(
    'The session is not valid due to the following reasons: password expiration or recent password change, SSO Artifact is invalid or expired, session is not fresh enough for application.',
  ),
  50133: invalidGrant(
    'The session is not valid due to the following reasons: password expiration or recent password change.',
    'bad_token',
  ),
  50135: invalidGrant('Password change is required due to account risk.', 'user_password_expired'),
  50144: invalidGrant(
    "The user's Active Directory password has expired. Generate a new password for the user or have the user use the self-service reset tool to reset their password.",
  ),
  50155: invalidGrant('Device authentication failed for this user.'),
  50158: policyRefusal(
    'External security challenge not satisfied. User will be redirected to another page or authentication provider to satisfy additional authentication challenges.',
    'basic_action',
  ),
  50173: invalidGrant(
    "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password. The grant was issued on '{issued}' and the TokensValidFrom date (before which tokens are not valid) for this user is '{validFrom}'.",
  ),
  50177: invalidGrant(
    "User account '{user}' from identity provider '{idp}' does not exist in tenant '{tenant}' and cannot access the application '{client}'({app}) in that tenant. ExternalChallengeNotSupportedForPassthroughUsers - external challenge is not supported for passthrough users.",
  ),
  50178: invalidGrant(
    'SessionControlNotSupportedForPassthroughUsers - Session control is not supported for passthrough users.',
  ),
  50194: invalidRequest(
    "Application '{client}'({app}) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant.",
  ),
  50196: invalidGrant(
    'The server terminated an operation because it encountered a client request loop. Please contact your app vendor.',
  ),
  51004: invalidGrant(
    'The user account {user} does not exist in the {tenant} directory. To sign into this application, the account must be added to the directory.',
  ),
  53000: policyRefusal('Your device is required to be managed to access this resource.'),
  53001: policyRefusal(
    'Device is not in required device state: domain_joined. Conditional Access policy requires a domain joined device, and the device is not domain joined.',
  ),
  53002: policyRefusal(
    'The app used is not an approved app for Conditional Access. The user needs to use one of the apps from the list of approved applications to get access.',
  ),
  53003: policyRefusal(
    'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
  ),
  53004: policyRefusal(
    'The user needs to complete the multifactor authentication registration process before accessing this content.',
    'basic_action',
  ),
  53010: policyRefusal(
    "Can't configure multifactor authentication methods because the organization requires this information to be set from specific locations or devices.",
    'basic_action',
  ),
  53011: invalidGrant('User blocked due to risk on home tenant.'),
  54005: invalidGrant(
    'OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.',
  ),
  65001: invalidGrant(
    "The user or administrator has not consented to use the application with ID '{client}' named '{app}'. Send an interactive authorization request for this user and resource.",
    'consent_required',
  ),
  65002: invalidRequest(
    "Consent between first party application '{client}' and first party resource '{resource}' must be configured via preauthorization - applications owned and operated by Microsoft must get approval from the API owner before requesting tokens for that API.",
  ),
  65004: { error: 'access_denied', status: 400, text: 'User declined to consent to access the app.' },
  65005: invalidResource("The application '{app}' asked for scope '{scope}' that doesn't exist on the resource."),
  70000: invalidGrant('Provided grant is invalid or malformed.', 'bad_token'),
  70001: unauthorizedClient(
    "Application with identifier '{client}' was not found in the directory '{tenant}' or is disabled.",
  ),
  70002: invalidClient('Error validating credentials.'),
  70003: {
    error: 'unsupported_grant_type',
    status: 400,
    text: "The app requested an unsupported grant type '{grant}'.",
  },
  70005: {
    error: 'unsupported_response_type',
    status: 400,
    text: "The provided value for the input parameter 'response_type' is not valid. Expected values are the following: 'code', 'id_token', 'code id_token', 'id_token token', 'token'.",
  },
  70008: invalidGrant(
    'The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.',
    'bad_token',
  ),
  70011: {
    error: 'invalid_scope',
    status: 400,
    text: "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid.",
  },
  70016: {
    error: 'authorization_pending',
    status: 400,
    text: 'OAuth 2.0 device flow error. Authorization is pending. Continue polling.',
  },
  70018: {
    error: 'bad_verification_code',
    status: 400,
    text: 'Invalid verification code due to User typing in wrong user code for device code flow.',
  },
  70019: { error: 'expired_token', status: 400, text: 'Verification code expired.' },
  70020: {
    error: 'expired_token',
    status: 400,
    text: "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
  },
  70021: invalidClient(
    "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. Assertion Subject: '{subject}'. Assertion Audience: '{audience}'.",
  ),
  70022: { error: 'authorization_declined', status: 400, text: 'The user declined the device flow request.' },
  70037: invalidGrant('Incorrect challenge response provided. Remote auth session denied.'),
  70043: invalidGrant(
    'The refresh token has expired or is invalid due to sign-in frequency checks by conditional access. The token was issued on {issued} and the maximum allowed lifetime for this request is {lifetime}.',
    'token_expired',
  ),
  70044: policyRefusal(
    'The session has expired or is invalid due to sign-in frequency checks by conditional access.',
    'token_expired',
  ),
  70046: policyRefusal(
    'The session has expired or is invalid due to re-authentication checks by conditional access.',
    'token_expired',
  ),
  90002: invalidRequest(
    "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.",
  ),
  90006: temporarilyUnavailable('The service is temporarily unavailable. Please retry the request.'),
  90008: unauthorizedClient(
    "The user or administrator has not consented to use the application with ID '{client}'. This happened because application is misconfigured: it must require access to Windows Azure Active Directory by specifying at least 'Sign in and read user profile' permission.",
  ),
  90009: invalidRequest(
    "Application '{client}'({app}) is requesting a token for itself. This scenario is supported only if resource is specified using the GUID based App Identifier.",
  ),
  90012: temporarilyUnavailable('The request has timed out. Please retry the request.'),
  90014: invalidRequest(
    "The required field '{field}' is missing from the credential. Ensure that you have all the necessary parameters for the login request.",
  ),
  90024: temporarilyUnavailable(
    'The request budget exceeded the limit. A transient error has occurred. Please try again.',
  ),
  90033: temporarilyUnavailable('A transient error has occurred. Please try again.'),
  90036: serverError('An unexpected, non-retryable error stemming from the directory service has occurred.'),
  90038: invalidRequest("Tenant '{tenant}' request is being redirected to the National Cloud."),
  90051: invalidRequest('Invalid national cloud ID ({cloud}) is specified.'),
  90055: {
    error: 'temporarily_unavailable',
    status: 429,
    text: 'The tenant is throttled: there are too many incoming requests.',
    retryAfterSeconds: 10,
  },
  90072: invalidGrant(
    "User account '{user}' from identity provider '{idp}' does not exist in tenant '{tenant}' and cannot access the application '{client}'({app}) in that tenant. The account needs to be added as an external user in the tenant first.",
  ),
  90090: temporarilyUnavailable('The Graph service has returned a temporary error. Please retry the request.'),
  90091: temporarilyUnavailable('The Graph service call has failed with a timeout. Please retry the request.'),
  90092: serverError('The Graph service has returned a non-retryable error.'),
  90094: invalidGrant(
    'An administrator of {tenant} has set a policy that prevents you from granting {app} the permissions it is requesting. Contact an administrator of {tenant}, who can grant permissions to this app on your behalf.',
    'consent_required',
  ),
  90095: invalidGrant(
    'Admin consent is required for the permissions requested by this application. An admin consent request may be sent to the admin.',
    'consent_required',
  ),
  90099: invalidGrant(
    "The application '{client}' ({app}) has not been authorized in the tenant '{tenant}'. Applications must be authorized to access the customer tenant before partner delegated administrators can use them.",
    'consent_required',
  ),
  130004: invalidGrant(
    "The user's key is not available: NgcKeyNotFound - The user principal does not have the key ID configured.",
  ),
  130007: invalidGrant('NgcDeviceIsDisabled - The device is disabled.'),
  135010: invalidGrant('The key was not found in the directory.'),
  135011: invalidGrant('Device used during the authentication is disabled.'),
  500011: invalidResource(
    'The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.',
  ),
  500014: invalidResource(
    "The service principal for resource '{resource}' is disabled. This indicate that a subscription within the tenant has lapsed, or that the administrator for this tenant has disabled the application, preventing tokens from being issued for it.",
  ),
  500021: invalidGrant("Access to '{tenant}' tenant is denied."),
  500022: invalidGrant('Access to the tenant is denied by the tenant restriction header of the network.'),
  500212: invalidGrant(
    "The user's administrator has set an outbound access policy that doesn't allow access to the resource tenant.",
  ),
  500213: invalidGrant(
    "The resource tenant's cross-tenant access policy does not allow this user to access this tenant.",
  ),
  500571: invalidGrant('The guest user account is disabled.'),
  501051: invalidGrant(
    "Application '{client}'({app}) is not assigned to a role for the application '{resource}'({resourceApp}).",
  ),
  530031: policyRefusal('Access policy does not allow token issuance.'),
  530032: policyRefusal('Your administrator has blocked this by a security policy.'),
  530033: policyRefusal('Remote device flow blocked due to device based conditional access.'),
  530034: invalidGrant(
    'A delegated administrator was blocked from accessing the tenant due to account risk in their home tenant.',
  ),
  530035: policyRefusal(
    'Access has been blocked by security defaults. This is due to the request using legacy auth or being deemed unsafe by security defaults policies.',
  ),
  530084: policyRefusal(
    'Access has been blocked by conditional access token protection policy. Configure this policy through Conditional Access.',
  ),
  650051: {
    error: 'invalid_client',
    status: 400,
    text: "Using application '{app}' is currently not supported for your organization {tenant} because the service principal name is already present for the tenant.",
  },
  650052: unauthorizedClient(
    "The app is trying to access a service '{resourceApp}'({resource}) that your organization '{tenant}' lacks a service principal for. Contact your IT Admin to review the configuration of your service subscriptions or consent to the application in order to create the required service principal.",
  ),
  650053: {
    error: 'invalid_client',
    status: 400,
    text: "The application '{app}' asked for scope '{scope}' that doesn't exist on the resource '{resource}'. Contact the app vendor.",
  },
  650054: {
    error: 'invalid_client',
    status: 400,
    text: "The application '{app}' asked for permissions to access a resource that has been removed or is no longer available. Contact the app vendor.",
  },
  650056: invalidRequest(
    "Misconfigured application. This could be due to one of the following: the client has not listed any permissions for {resource} in the requested permissions in the client's application registration.",
  ),
  650057: invalidResource(
    "Invalid resource. The client has requested access to a resource which is not listed in the requested permissions in the client's application registration. Client app ID: {client}({app}). Resource value from request: {resource}.",
  ),
  700003: invalidGrant('Your organization has deleted this device. To fix this issue, contact your administrator.'),
  700005: invalidGrant('Provided Authorization Code is intended to use against other tenant, thus rejected.'),
  700007: invalidGrant('The grant is issued for a different client id.'),
  700011: unauthorizedClient("Application with identifier '{client}' was not found in the directory '{tenant}'."),
  700016: unauthorizedClient(
    "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
  ),
  700022: {
    error: 'invalid_scope',
    status: 400,
    text: "The provided value for the input parameter 'scope' is not valid because it contains more than one resource. Scope {scope} is not valid.",
  },
  700023: invalidClient(
    'Client assertion audience claim does not match Realm issuer. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials.',
  ),
  700024: invalidClient(
    'Client assertion is not within its valid time range. Current time: {now}, assertion valid from {notBefore}, expiry time of assertion {expires}.',
  ),
  700025: invalidClient("Client is public so neither 'client_assertion' nor 'client_secret' should be presented."),
  700027: invalidClient(
    "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - {reason}, Thumbprint of key used by client: '{thumbprint}']",
  ),
  700030: invalidClient('Invalid certificate - subject name in certificate is not authorized.'),
  700054: {
    error: 'unsupported_response_type',
    status: 400,
    text: "response_type 'id_token' is not enabled for the application.",
  },
  700082: invalidGrant(
    'The refresh token has expired due to inactivity. The token was issued on {issued} and was inactive for 90.00:00:00.',
    'bad_token',
  ),
  700084: invalidGrant(
    'The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page. The token was issued on {issued}.',
  ),
  700211: invalidClient(
    "No matching federated identity record found for presented assertion issuer '{issuer}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
  ),
  700212: invalidClient(
    "No matching federated identity record found for presented assertion audience '{audience}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
  ),
  700213: invalidClient(
    "No matching federated identity record found for presented assertion subject '{subject}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
  ),
  700229: invalidClient('Entra ID issued tokens used for federated identity credentials must be app-only tokens.'),
  700236: invalidClient(
    "Entra ID tokens issued by issuer '{issuer}' may not be used for federated identity credential flows for applications or managed identities registered in this tenant.",
  ),
  7000112: unauthorizedClient("Application '{client}'({app}) is disabled."),
  7000114: unauthorizedClient("Application '{client}' is not allowed to make application on-behalf-of calls."),
  7000214: invalidClient('Certificate has been revoked.'),
  7000215: invalidClient(
    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client}'.",
  ),
  7000216: invalidClient(
    "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
  ),
  7000218: invalidClient(
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  ),
  7000222: invalidClient(
    "The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
  ),
  7000229: unauthorizedClient(
    'The client application {client} is missing service principal in the tenant {tenant}. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119',
  ),
  1000031: unauthorizedClient('Application {app} cannot be accessed at this time. Contact your administrator.'),
  1002012: invalidScope(
    'The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).',
  ),
  50148: invalidGrant(
    'The code_verifier does not match the code_challenge supplied in the authorization request for PKCE.',
  ),
  501481: invalidGrant('The Code_Verifier does not match the code_challenge supplied in the authorization request.'),
  900023: invalidRequest(
    "Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.",
  ),
  900144: invalidRequest("The request body must contain the following parameter: '{field}'."),
  900382: invalidRequest('Confidential Client is not supported in Cross Cloud request.'),
  900432: invalidRequest('Confidential Client is not supported in Cross Cloud request.'),
  900561: invalidRequest('The endpoint only accepts {expected} requests. Received a {method} request.'),
  901002: invalidRequest("The 'resource' request parameter is not supported."),
  5000224: invalidGrant('We are sorry, this resource is not available.'),
  9002313: { error: 'invalid_request', status: 400, text: 'Invalid request. Request is malformed or invalid.' },
  9002325: invalidRequest('Proof Key for Code Exchange is required for cross-origin authorization code redemption.'),
  9002326: invalidRequest(
    "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. Request origin: '{origin}'.",
  ),
  9002327: invalidRequest(
    "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.",
  ),
  9002332: invalidRequest(
    "Application '{client}'({app}) is configured for use by Azure Active Directory users only. Please do not use the /consumers endpoint to serve this request.",
  ),
};

/** Every AADSTS number that the simulated Entra can return. */
export const aadstsNumbers: readonly number[] = Object.keys(aadstsTable).map(Number);
