import type { Application, User } from '../directory/records.ts';
import { escapeHtml, html, redirect, type Reply } from '../web/http.ts';
import type { World } from '../world.ts';
import { findAuthority } from './authority.ts';
import { type ClientApplication, findClient } from './client-authentication.ts';
import { assignedRoles } from './assigned-roles.ts';
import { autoPostPage, messagePage, signInPage } from './pages.ts';
import type { PendingSignIns } from './pending.ts';
import { redirectKind } from './redirect-address.ts';
import { errorBody, Refusal } from './refusal.ts';
import { accessFromResource, type RequestedAccess, signInAccess } from './requested-access.ts';
import type { BrowserSession } from './sessions.ts';
import { type SignInChoice, signInUser } from './sign-in.ts';

/** A validated request to the authorization endpoint. */
interface AuthorizeRequest {
  readonly client: ClientApplication;
  readonly redirectUri: string;
  /** Whether the redirect address is registered for a single-page app. */
  readonly isSinglePage: boolean;
  readonly access: RequestedAccess;
  readonly tenantId: string;
  readonly parameters: URLSearchParams;
  /** What the redirect address is told without a sign-in. */
  readonly refusal: Refusal | undefined;
}

const aadGraph = 'https://graph.windows.net';

/** @throws Refusal where the client cannot be trusted with an error, so that the page itself must show it. */
export function parseAuthorizeRequest(
  world: World,
  tenant: string,
  version: 1 | 2,
  parameters: URLSearchParams,
): AuthorizeRequest {
  const authority = findAuthority(world, tenant);
  const clientId = (parameters.get('client_id') ?? '').toLowerCase();
  if (clientId === '') throw new Refusal(900144, { field: 'client_id' });
  const client = findClient(world, clientId, authority.name);
  const redirectUri = parameters.get('redirect_uri') ?? firstRedirectUri(client.application);
  const kind = redirectKind(client.application, redirectUri);
  if (kind === undefined) throw new Refusal(50011, { redirect: redirectUri, client: clientId });
  const refusal = responseTypeRefusal(parameters.get('response_type') ?? '');
  const access =
    version === 1
      ? accessFromResource(world, parameters.get('resource') ?? aadGraph, authority.tenantId)
      : signInAccess(world, parameters.get('scope') ?? '', authority.tenantId);
  return {
    client,
    redirectUri,
    isSinglePage: kind === 'spa',
    access,
    tenantId: authority.tenantId,
    parameters,
    refusal,
  };
}

/**
 * No application here enables the implicit grant: 70005 for `token`, 700054 for `id_token`. The redirect address is told.
 * @throws Refusal AADSTS900144 without a response type.
 */
function responseTypeRefusal(responseType: string): Refusal | undefined {
  if (responseType === '') throw new Refusal(900144, { field: 'response_type' });
  const types = responseType.split(' ');
  if (types.includes('id_token')) return new Refusal(700054);
  const text = "response_type 'token' is not enabled for the application.";
  if (types.includes('token')) return new Refusal(70005, { text });
  return types.includes('code') ? undefined : new Refusal(70005);
}

const firstRedirectUri = (application: Application | undefined): string =>
  application === undefined ? 'http://localhost' : (Object.values(application.redirectUris).flat()[0] ?? '');

/** Prompts that show a page although the browser has a session. */
const interactivePrompts: readonly (string | null)[] = ['login', 'select_account', 'consent'];

/**
 * Signs in with the session of the browser. Without one that suits, shows the sign-in page, or answers `login_required`
 * if the client forbids a page (OpenID Connect Core 1.0 section 3.1.2.6).
 */
export function startSignIn(
  world: World,
  pending: PendingSignIns,
  request: AuthorizeRequest,
  { session, action }: { readonly session: BrowserSession | undefined; readonly action: string },
): Reply {
  const { parameters, client, access, refusal } = request;
  if (refusal !== undefined) return tellClient(world, request, refusal);
  const prompt = parameters.get('prompt');
  const hint = parameters.get('login_hint')?.toLowerCase() ?? session?.user.userPrincipalName;
  if (session !== undefined && session.user.userPrincipalName === hint && !interactivePrompts.includes(prompt)) {
    const choice = { username: hint, mfa: session.mfa, consent: false };
    return completeSignIn(world, pending, request, choice);
  }
  if (prompt === 'none') return refuseWithoutPage(request);
  const rolesOf = (user: User): readonly string[] => assignedRoles(world, access.target, user);
  return html(200, signInPage(world, { displayName: client.displayName, parameters, action, rolesOf }));
}

const refuseWithoutPage = (request: AuthorizeRequest): Reply =>
  replyToClient(request, {
    error: 'login_required',
    error_description: 'AADSTS50058: A silent sign-in request was sent but no user is signed in.',
  });

/** Sends the authorization code, or the error, to the redirect address. */
export function completeSignIn(
  world: World,
  pending: PendingSignIns,
  request: AuthorizeRequest,
  choice: SignInChoice | 'cancelled',
): Reply {
  if (choice === 'cancelled')
    return replyToClient(request, {
      error: 'access_denied',
      error_description: 'AADSTS65004: User declined to consent to access the app.',
      error_subcode: 'cancel',
    });
  const { parameters, client, access, redirectUri, isSinglePage, tenantId } = request;
  try {
    if (request.refusal !== undefined) throw request.refusal;
    if (access.unknownScope !== undefined) throw unknownScope(client, access);
    const signIn = signInUser(world, { client, target: access.target, isSinglePage }, choice);
    const code = pending.codes.issue({
      signIn,
      redirectUri,
      tenantId,
      scope: access.scope || access.target.identifier,
      nonce: parameters.get('nonce') ?? undefined,
      challenge: parameters.get('code_challenge') ?? undefined,
      challengeMethod: parameters.get('code_challenge_method') ?? 'plain',
    });
    return replyToClient(request, { code, session_state: signIn.id });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return tellClient(world, request, error);
  }
}

/** Sends an error to the redirect address. */
function tellClient(world: World, request: AuthorizeRequest, refusal: Refusal): Reply {
  const body = errorBody(refusal, '', world.clock.nowMs(), world.addresses().entra);
  const isSilent = request.parameters.get('prompt') === 'none';
  return replyToClient(request, {
    error: redirectedErrors.get(refusal.aadsts) ?? (isSilent ? 'interaction_required' : 'access_denied'),
    error_description: String(body['error_description']),
  });
}

/** Errors at the redirect address, where it is not `access_denied`. */
const redirectedErrors: ReadonlyMap<number, string> = new Map([
  [90094, 'consent_required'],
  [650053, 'invalid_client'],
  [70005, 'unsupported_response_type'],
  [700054, 'unsupported_response_type'],
]);

const unknownScope = ({ displayName }: ClientApplication, { target, unknownScope: scope }: RequestedAccess): Refusal =>
  new Refusal(650053, { app: displayName, scope, resource: target.appId });

/** Delivers the values in the `response_mode` that the client requested, or that is usual for the response type. */
function replyToClient({ redirectUri, parameters }: AuthorizeRequest, values: Readonly<Record<string, string>>): Reply {
  const state = parameters.get('state');
  const result = new URLSearchParams({ ...values, ...(state === null ? {} : { state }) });
  if (redirectUri.startsWith('urn:'))
    return html(200, messagePage('Sign-in complete', `Code: <code>${escapeHtml(values['code'] ?? '')}</code>`));
  const usual = parameters.get('response_type')?.includes('token') ? 'fragment' : 'query';
  const mode = parameters.get('response_mode') ?? usual;
  if (mode === 'form_post') return html(200, autoPostPage(redirectUri, result));
  if (mode === 'fragment') return redirect(`${redirectUri}#${result.toString()}`);
  return redirect(`${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${result.toString()}`);
}
