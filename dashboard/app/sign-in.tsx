import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Notice, Problem } from '../shared/text.tsx';
import { Failure } from './pieces.tsx';
import type { SignIn } from './use-sign-in.ts';
import { readSession, type Session } from './session.ts';

/** Asks who uses the page. Tokens are kept in memory only and sent only in the Authorization header. */
export function SignInView({ signIn }: { readonly signIn: SignIn }) {
  const { state, settings } = signIn;
  const [isPasting, setPasting] = useState(false);
  const notSetUp = settings.value !== undefined && 'problem' in settings.value ? settings.value : undefined;
  if (state.kind === 'working')
    return (
      <Frame title="Signing in…">
        <Failure failure={settings.failure} />
      </Frame>
    );
  const { isBlocked, begin } = signIn;
  const { refusal, problem } = state.kind === 'signed-out' ? state : {};
  const isOut = problem?.kind === 'ended' || problem?.kind === 'cancelled';
  return (
    <Frame title="Sign in">
      <Failure failure={refusal} />
      {problem === undefined ? null : (
        <Problem
          kind={isOut ? 'warn' : 'bad'}
          title={isOut ? 'You are not signed in.' : 'The sign-in failed.'}
          message={problem.message}
          advice={problem.advice}
        />
      )}
      <Failure failure={settings.failure} />
      {isBlocked ? (
        <Notice kind="warn">
          <strong>This browser blocks site data for this page.</strong> Without it, the page cannot recognise the answer
          of Microsoft.
          <p>Allow site data for {location.host} and load the page again, or paste an access token.</p>
        </Notice>
      ) : null}
      {notSetUp === undefined ? null : (
        <Problem
          kind="warn"
          title="Sign-in with Microsoft is not set up."
          message={notSetUp.problem}
          advice={notSetUp.advice}
        />
      )}
      {isBlocked || notSetUp !== undefined ? null : (
        <>
          <p>
            Use the account that has an app role of this broker. This page keeps the token in the memory of the tab, and
            Microsoft signs you in again after a reload.
          </p>
          <div class="actions">
            <button type="button" class="primary" disabled={begin === undefined} onClick={() => begin?.(false)}>
              <MicrosoftLogo /> Sign in with Microsoft
            </button>
            {problem?.kind === 'unavailable' ? (
              <button type="button" onClick={() => begin?.(true)}>
                Open its page anyway
              </button>
            ) : null}
          </div>
        </>
      )}
      {isPasting || isBlocked || notSetUp !== undefined ? (
        <PasteToken onSession={signIn.paste} />
      ) : (
        <p>
          <button type="button" class="link" onClick={() => setPasting(true)}>
            Paste an access token instead
          </button>
        </p>
      )}
    </Frame>
  );
}

function Frame({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <main class="sign-in" id="content" tabIndex={-1}>
      <div class="panel">
        <div class="pad">
          <span class="brand">
            <img src="assets/icon.svg" alt="" width="24" height="24" /> Partner Token Broker
          </span>
          <h1>{title}</h1>
          {children}
        </div>
      </div>
    </main>
  );
}

/** Four squares, as Microsoft's branding guidelines for sign-in buttons show them. */
function MicrosoftLogo() {
  return (
    <svg class="microsoft" viewBox="0 0 21 21" width="16" height="16" aria-hidden="true">
      <rect x="1" y="1" width="9" height="9" fill="#f25022" />
      <rect x="11" y="1" width="9" height="9" fill="#7fba00" />
      <rect x="1" y="11" width="9" height="9" fill="#00a4ef" />
      <rect x="11" y="11" width="9" height="9" fill="#ffb900" />
    </svg>
  );
}

/** Asks for an access token, for people and programs that got one elsewhere. */
function PasteToken({ onSession }: { readonly onSession: (session: Session) => void }) {
  const [pasted, setPasted] = useState('');
  const [problem, setProblem] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    const session = readSession(pasted);
    if (session === undefined)
      setProblem('This is not an access token. An access token has three base64url parts, separated by dots.');
    else if (session.expiresAtMs <= Date.now()) setProblem('This token has expired. Get a new one.');
    else onSession(session);
  };
  return (
    <section aria-label="Paste an access token">
      <p>
        Paste an Entra access token for the broker's application. This page sends it to the API and keeps it only in the
        memory of this tab, until you close or reload the tab.
      </p>
      <form onSubmit={submit}>
        <label for="token">Access token</label>
        <textarea
          id="token"
          class="secret"
          rows={4}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          required
          aria-describedby="token-help"
          value={pasted}
          onInput={(event) => {
            setPasted(event.currentTarget.value);
            setProblem('');
          }}
        />
        {problem === '' ? null : <Notice kind="bad">{problem}</Notice>}
        <button type="submit" class="primary">
          Show the dashboard
        </button>
      </form>
      <TokenHelp />
    </section>
  );
}

const azureCli = `az account get-access-token --query accessToken --output tsv \\
  --resource <App ID URI of the broker, api://…>`;

function TokenHelp() {
  return (
    <div id="token-help" class="quiet stack">
      <p>To get a token, sign in to the Azure CLI as a user or application with app roles of the broker, and run:</p>
      <pre>
        <code>{azureCli}</code>
      </pre>
      <p>
        <code>Runs.Read</code> shows runs and jobs. <code>Runs.Write</code> starts and cancels runs.{' '}
        <code>Tenants.Read</code> shows tenants. <code>Audit.Read</code> shows issued tokens and refused requests. The
        health report needs any of the roles. For a demo on your own machine, see the README.
      </p>
    </div>
  );
}
