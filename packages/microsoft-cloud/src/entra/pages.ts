import type { User } from '../directory/records.ts';
import { escapeHtml } from '../web/http.ts';
import { page } from '../web/page.ts';
import type { World } from '../world.ts';

/** A page with one paragraph. @param body HTML. */
export const messagePage = (title: string, body: string): string => page(title, `<p>${body}</p>`);

/** The app roles of a user for the resource that the client asks for. */
type RolesOf = (user: User) => readonly string[];

function accountFields(world: World, preselected: string | null, rolesOf: RolesOf = () => []): string {
  const users = new Map([...world.partner.directory.users.values()].map((user) => [user.userPrincipalName, user]));
  const accounts = world.partner.accounts.map((account) => {
    const user = users.get(account.username);
    return { ...account, roles: user === undefined ? [] : rolesOf(user) };
  });
  // Whoever can use the client comes first.
  const sorted = accounts.toSorted((one, other) => other.roles.length - one.roles.length);
  const choices = sorted.map(({ username, name, state, roles }, index) => {
    const checked = preselected === null ? index === 0 : preselected.toLowerCase() === username;
    const notes = [state.replace('_', ' '), roles.join(', ')].filter((note) => note !== '').join('; ');
    return `<label class="account"><input type="radio" name="username" value="${escapeHtml(username)}"${checked ? ' checked' : ''}> <span><strong>${escapeHtml(name)}</strong> ${escapeHtml(username)} <span class="note">${escapeHtml(notes)}</span></span></label>`;
  });
  return `<fieldset><legend>Account</legend>${choices.join('')}</fieldset>
<fieldset><legend>Multifactor authentication</legend>
<label><input type="radio" name="mfa" value="yes" checked> done</label>
<label><input type="radio" name="mfa" value="no"> not done</label></fieldset>`;
}

interface SignInPage {
  /** Name of the client. */
  readonly displayName: string;
  /** Those of the authorization request; the form sends them back. */
  readonly parameters: URLSearchParams;
  /** Where the form goes. */
  readonly action: string;
  readonly rolesOf: RolesOf;
}

/** Asks for an account, for MFA and for consent. */
export function signInPage(world: World, { displayName, parameters, action, rolesOf }: SignInPage): string {
  return page(
    'Sign in to the simulated cloud',
    `<p><strong>${escapeHtml(displayName)}</strong> requests a sign-in. <span class="note">This page imitates Microsoft's sign-in page. No password is needed.</span></p>
<form method="post" action="${escapeHtml(action)}">
<input type="hidden" name="ctx" value="${escapeHtml(parameters.toString())}">
${accountFields(world, parameters.get('login_hint'), rolesOf)}
<label><input type="checkbox" name="consent" value="yes" checked> Consent on behalf of the organization, if consent is missing</label>
<p><button name="choice" value="accept">Sign in</button><button name="choice" value="cancel">Cancel</button></p></form>`,
  );
}

export function devicePage(world: World, userCode: string, action: string): string {
  return page(
    'Enter code',
    `<form method="post" action="${escapeHtml(action)}">
<label>Code <input name="user_code" value="${escapeHtml(userCode)}" autocomplete="off" required></label>
${accountFields(world, null)}
<p><button name="choice" value="accept">Sign in</button><button name="choice" value="cancel">Cancel</button></p></form>`,
  );
}

export function adminConsentPage(world: World, displayName: string, context: URLSearchParams, action: string): string {
  return page(
    'Permissions requested',
    `<p><strong>${escapeHtml(displayName)}</strong> requests consent on behalf of ${escapeHtml(world.partner.name)}.</p>
<form method="post" action="${escapeHtml(action)}"><input type="hidden" name="ctx" value="${escapeHtml(context.toString())}">
${accountFields(world, null)}
<p><button name="choice" value="accept">Accept</button><button name="choice" value="cancel">Cancel</button></p></form>`,
  );
}

/** Source: "OAuth 2.0 Form Post Response Mode". */
export function autoPostPage(action: string, values: URLSearchParams): string {
  const fields = [...values].map(
    ([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`,
  );
  return page(
    'Working',
    `<form method="post" action="${escapeHtml(action)}">${fields.join('')}<noscript><button>Continue</button></noscript></form><script>document.forms[0].submit()</script>`,
  );
}
