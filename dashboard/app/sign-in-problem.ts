import { type NamedApplications, setupApiCommand } from '../../src/lib/core/text.ts';

/**
 * Why a sign-in with Microsoft did not succeed:
 * - `unavailable`: Microsoft did not answer. The same request may succeed later.
 * - `ended`: the person has to sign in again.
 * - `cancelled`: the person cancelled, or declined.
 * - `no_role`: the application requires an app role, and the account has none.
 * - `setup`: whoever administers the broker has to correct its registration.
 * - `refused`: anything else.
 */
export type SignInProblemKind = 'unavailable' | 'ended' | 'cancelled' | 'no_role' | 'setup' | 'refused';

export class SignInProblem extends Error {
  override readonly name = 'SignInProblem';
  readonly kind: SignInProblemKind;
  /** The next step. Text between backticks is a command. */
  readonly advice: string;

  constructor(kind: SignInProblemKind, message: string, advice: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.advice = advice;
  }
}

const again = 'Sign in again.';
const setUpAgain = 'Whoever administers the broker runs `{repair}`, which repairs the registration.';

type Known = readonly [kind: SignInProblemKind, message: string, advice: string];

const missingRole: Known = [
  'no_role',
  'The account has no app role of this broker.',
  'Whoever administers the broker gives you one with `{grant}`. Then sign in again.',
];
const noConsent: Known = ['setup', 'Nobody has consented to the sign-in for the organization.', setUpAgain];
const wrongRedirect: Known = [
  'setup',
  'The address of this page is not registered for single-page sign-ins.',
  setUpAgain,
];

/** By AADSTS number ("Microsoft Entra authentication and authorization error codes"). */
const byNumber: Readonly<Record<string, Known>> = {
  50105: missingRole,
  65001: noConsent,
  65004: ['cancelled', 'The sign-in was cancelled, or the consent was declined.', again],
  90094: noConsent,
  700016: [
    'setup',
    'The sign-in application does not exist in the tenant of the broker.',
    'Whoever administers the broker runs `{repair}`, and puts the sign-in client that it prints into the app setting SIGN_IN_CLIENT_ID.',
  ],
  9002326: wrongRedirect,
  9002327: wrongRedirect,
};

/** By OAuth error (RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect Core 1.0 section 3.1.2.6). */
const byError: Readonly<Record<string, Known>> = {
  access_denied: ['cancelled', 'The sign-in was cancelled.', again],
  consent_required: noConsent,
  invalid_grant: ['ended', 'Microsoft asks you to sign in again.', again],
  interaction_required: ['ended', 'Microsoft asks you to sign in again.', again],
  login_required: ['ended', 'Microsoft asks you to sign in again.', again],
  temporarily_unavailable: ['unavailable', 'Microsoft cannot sign anybody in at the moment.', 'Try again later.'],
  server_error: ['unavailable', 'Microsoft cannot sign anybody in at the moment.', 'Try again later.'],
};

const unanswered: Known = [
  'unavailable',
  "Microsoft's sign-in service does not answer.",
  'Check that this browser reaches it and trusts its certificate, and try again.',
];

/** The answer of Microsoft that a problem is about. */
interface Occasion {
  readonly number?: string | undefined;
  readonly cause?: unknown;
  readonly broker?: NamedApplications | undefined;
}

function problem([kind, message, advice]: Known, { number, cause, broker }: Occasion): SignInProblem {
  // A repair gives nobody a role: whoever runs it need not be somebody who uses the broker.
  const repair = setupApiCommand(broker, `--url ${location.origin} --no-roles`);
  const grant = setupApiCommand(broker, '--principal OBJECT_ID --role ROLE');
  return new SignInProblem(
    kind,
    number === undefined ? message : `${message.slice(0, -1)} (AADSTS${number}).`,
    advice.replace('{repair}', () => repair).replace('{grant}', () => grant),
    { cause },
  );
}

/** Microsoft did not answer. */
export const noAnswer = (): SignInProblem => problem(unanswered, {});

/**
 * What a failed request, or an error in the answer of Microsoft, means for the person.
 * @param broker whose applications the advice names. Absent: the advice has placeholders.
 */
export function signInProblem(thrown: unknown, broker?: NamedApplications): SignInProblem {
  if (thrown instanceof SignInProblem) return thrown;
  const fields = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as Readonly<Record<string, unknown>>;
  const { error, error_description: description, status } = fields;
  const [, number] = /AADSTS(\d{3,9})/.exec(typeof description === 'string' ? description : '') ?? [];
  const name = typeof error === 'string' ? error : undefined;
  const occasion = { number, cause: thrown, broker };
  const known = byNumber[number ?? ''] ?? byError[name ?? ''];
  if (known !== undefined) return problem(known, occasion);
  const isServerError = typeof status === 'number' && (status >= 500 || status === 429);
  if (isServerError || isFailedRequest(thrown)) return problem(unanswered, occasion);
  const named = name === undefined ? 'with something that is no token' : `with ${name}`;
  const advice =
    'Sign in again. If it fails again, whoever administers the broker finds the reason in the sign-in log of Entra.';
  return problem(['refused', `Microsoft answered ${named}.`, advice], occasion);
}

/** `fetch` throws TypeError without an answer, and DOMException after the deadline. */
const isFailedRequest = (thrown: unknown): boolean =>
  (thrown instanceof TypeError && !('code' in thrown)) || thrown instanceof DOMException;
