import type { Application, RedirectKind } from '../directory/records.ts';
import { escapeHtml, html, redirect, type Reply } from '../web/http.ts';
import type { World } from '../world.ts';
import { type Authority, findAuthority } from './authority.ts';
import { type Client, findClient } from './client-authentication.ts';
import { autoPostPage, messagePage, signInPage } from './pages.ts';
import { errorBody, Refusal } from './refusal.ts';
import { signInWith, type SignInChoice } from './sign-in.ts';
import { questionFromResource, questionFromScope, type TokenQuestion } from './target.ts';
import type { Pending } from './token-endpoint.ts';

/** One request of the authorization endpoint, checked. */
export interface AuthorizeRequest {
  readonly authority: Authority;
  readonly client: Omit<Client, 'proof'>;
  readonly redirectUri: string;
  readonly singlePage: boolean;
  readonly question: TokenQuestion;
  readonly parameters: URLSearchParams;
}

const aadGraph = 'https://graph.windows.net';

/** @throws Refusal where there is no address to send the person back to: the page itself must say it. */
export function checkAuthorize(
  world: World,
  tenant: string,
  version: 1 | 2,
  parameters: URLSearchParams,
): AuthorizeRequest {
  const authority = findAuthority(world, tenant);
  const clientId = (parameters.get('client_id') ?? '').toLowerCase();
  if (clientId === '') throw new Refusal(900144, { field: 'client_id' });
  const client = findClient(world, clientId, authority.asked);
  const redirectUri = parameters.get('redirect_uri') ?? firstRedirect(client.application);
  const kind = redirectKind(client.application, redirectUri);
  if (kind === undefined) throw new Refusal(50011, { redirect: redirectUri, client: clientId });
  if (!(parameters.get('response_type') ?? '').split(' ').includes('code'))
    throw new Refusal(900144, { field: 'response_type' });
  const question =
    version === 1
      ? questionFromResource(world, parameters.get('resource') ?? aadGraph, authority.tenantId)
      : questionFromScope(world, parameters.get('scope') ?? '', authority.tenantId);
  return { authority, client, redirectUri, singlePage: kind === 'spa', question, parameters };
}

const firstRedirect = (application: Application | undefined): string =>
  application === undefined ? 'http://localhost' : (Object.values(application.redirectUris).flat()[0] ?? '');

/** RFC 8252 section 7.3: the port of a loopback address is the client's choice. */
function withoutLoopbackPort(uri: string): string {
  if (!URL.canParse(uri)) return uri;
  const url = new URL(uri);
  if (url.hostname === 'localhost' || url.hostname === '127.0.0.1') url.port = '';
  return url.href.replace(/\/$/, '');
}

function redirectKind(application: Application | undefined, uri: string): RedirectKind | undefined {
  const wanted = withoutLoopbackPort(uri);
  if (application === undefined) {
    const native = ['http://localhost', 'http://127.0.0.1', 'urn:ietf:wg:oauth:2.0:oob'];
    return native.includes(wanted) || wanted.endsWith('/oauth2/nativeclient') ? 'publicClient' : undefined;
  }
  const kinds: readonly RedirectKind[] = ['web', 'publicClient', 'spa'];
  return kinds.find((kind) => application.redirectUris[kind].some((each) => withoutLoopbackPort(each) === wanted));
}

/** The sign-in page, or straight back where the client forbade one. */
export function showSignIn(world: World, request: AuthorizeRequest, action: string): Reply {
  if (request.parameters.get('prompt') === 'none') {
    return sendBack(request, {
      error: 'login_required',
      error_description: 'AADSTS50058: A silent sign-in request was sent but no user is signed in.',
    });
  }
  return html(200, signInPage(world, request.client.displayName, request.parameters, action));
}

/** What comes of the person's choice: the code, or the error, at the redirect address. */
export function completeSignIn(
  world: World,
  pending: Pending,
  request: AuthorizeRequest,
  choice: SignInChoice | 'cancelled',
): Reply {
  if (choice === 'cancelled')
    return sendBack(request, {
      error: 'access_denied',
      error_description: 'AADSTS65004: User declined to consent to access the app.',
      error_subcode: 'cancel',
    });
  const { parameters, client, question, redirectUri, singlePage } = request;
  try {
    const signIn = signInWith(world, client, question.target, choice, singlePage);
    const code = pending.codes.issue({
      signIn,
      redirectUri,
      scope: question.scope || question.target.asked,
      nonce: parameters.get('nonce') ?? undefined,
      challenge: parameters.get('code_challenge') ?? undefined,
      challengeMethod: parameters.get('code_challenge_method') ?? 'plain',
    });
    return sendBack(request, { code, session_state: signIn.id });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const body = errorBody(error, '', world.clock.nowMs(), world.addresses().entra);
    return sendBack(request, {
      error: error.aadsts === 90094 ? 'consent_required' : 'access_denied',
      error_description: String(body['error_description']),
    });
  }
}

function sendBack({ redirectUri, parameters }: AuthorizeRequest, values: Readonly<Record<string, string>>): Reply {
  const state = parameters.get('state');
  const answer = new URLSearchParams({ ...values, ...(state === null ? {} : { state }) });
  if (redirectUri.startsWith('urn:'))
    return html(200, messagePage('Sign-in complete', `Code: <code>${escapeHtml(values['code'] ?? '')}</code>`));
  if (parameters.get('response_mode') === 'form_post') return html(200, autoPostPage(redirectUri, answer));
  if (parameters.get('response_mode') === 'fragment') return redirect(`${redirectUri}#${answer.toString()}`);
  return redirect(`${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${answer.toString()}`);
}
