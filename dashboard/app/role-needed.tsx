import type { FunctionComponent } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import { Notice } from '../shared/text.tsx';
import { SignedInContext, useSignedIn } from './context.ts';
import { Head } from './pieces.tsx';
import { signInProblem } from './sign-in-problem.ts';
import type { NoSignIn, SignInAnswer } from '../../src/lib/api/answers/shared.ts';
import { setupApiCommand } from '../../src/lib/core/text.ts';
import type { Session } from './session.ts';

/** Replaces a view whose app role the person lacks. */
function RoleNeeded({ title, role }: { readonly title: string; readonly role: string }) {
  return (
    <>
      <Head title={title} />
      <Notice kind="plain">
        <p>
          Your account lacks the app role <code>{role}</code>, which this view needs.
        </p>
        <HowToGetRole role={role} />
      </Notice>
    </>
  );
}

/** A view for those who have one of some app roles. Others read which one they lack. */
export const forRole = <P extends object>(roles: readonly string[], title: string, View: FunctionComponent<P>) =>
  function ForRole(props: P) {
    const { session } = useSignedIn();
    return roles.some((role) => session.roles.includes(role)) ? (
      <View {...props} />
    ) : (
      <RoleNeeded title={title} role={roles[0] ?? ''} />
    );
  };

/** Replaces every view for a person without any app role. */
export function NoRole() {
  const { api } = useSignedIn();
  // A token for another application has no roles either: the API says so, and that ends the session.
  useEffect(() => void api.health().catch(() => undefined), [api]);
  return (
    <>
      <Head title="You have no access yet" />
      <Notice kind="warn">
        <p>Your account has no app role of this broker, so no view can be shown. These open the views:</p>
        <dl>
          {roleTexts.map(([name, text]) => (
            <>
              <dt>
                <code>{name}</code>
              </dt>
              <dd>{text}</dd>
            </>
          ))}
        </dl>
        <HowToGetRole role="Runs.Read" />
      </Notice>
    </>
  );
}

const roleTexts: readonly (readonly [string, string])[] = [
  ['Runs.Read', 'shows runs and jobs'],
  ['Runs.Write', 'starts and cancels runs'],
  ['Changes.Plan', 'plans changes of tenants, which changes nothing'],
  ['Changes.Apply', 'applies plans, under a rule of the policy'],
  ['Requests.Send', 'asks many tenants, under a rule of the policy, and shows these runs'],
  ['Tenants.Read', 'shows tenants'],
  ['Approvals.Decide', 'decides on requests of others that need an approval'],
  ['Audit.Read', 'shows issued tokens, refused requests, and what is used of the policy'],
];

export function HowToGetRole({ role }: { readonly role: string }) {
  const { grantCommand, renew } = useContext(SignedInContext) ?? {};
  return (
    <>
      {grantCommand === undefined ? (
        <p>Whoever administers the broker gives you the role.</p>
      ) : (
        <>
          <p>Whoever administers the broker gives you the role with</p>
          <pre>
            <code>{grantCommand(role)}</code>
          </pre>
          <p>or in Entra, under Enterprise applications, Users and groups.</p>
        </>
      )}
      {renew === undefined ? null : <CheckAgain renew={renew} />}
    </>
  );
}

/** A new token has the roles that were given in the meantime. */
function CheckAgain({ renew }: { readonly renew: () => Promise<void> }) {
  const [text, setText] = useState('');
  const check = async (): Promise<void> => {
    setText('Checking…');
    try {
      await renew();
      setText('No new role yet. Entra needs some minutes.');
    } catch (thrown) {
      setText(signInProblem(thrown).message);
    }
  };
  return (
    <p>
      <button type="button" onClick={() => void check()}>
        Check again
      </button>{' '}
      <span role="status">{text}</span>
    </p>
  );
}

/** The command with which an administrator gives a person an app role of the broker's own application. */
export function grantCommand(
  settings: SignInAnswer | NoSignIn | undefined,
  { objectId = 'OBJECT_ID' }: Pick<Session, 'objectId'>,
  role: string,
): string {
  const broker = settings !== undefined && 'clientId' in settings ? settings : undefined;
  return setupApiCommand(broker, `--principal ${objectId} --role ${role}`);
}
