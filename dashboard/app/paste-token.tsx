import { useState } from 'preact/hooks';
import { Notice } from '../shared/text.tsx';
import { readSession, type Session } from './session.ts';

/** Asks for an access token, for people and programs that got one elsewhere. */
export function PasteToken({ onSession }: { readonly onSession: (session: Session) => void }) {
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
        <code>Tenants.Read</code> shows tenants. <code>Audit.Read</code> shows issued tokens and denied requests. The
        health report needs any of the roles. For a demo on your own machine, see the README.
      </p>
    </div>
  );
}
