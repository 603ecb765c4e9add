import { useState } from 'preact/hooks';
import { Notice } from '../shared/text.tsx';
import type { ApiFailure } from './api.ts';
import { Failure } from './pieces.tsx';
import { readSession, type Session } from './session.ts';

const azureCli = `az account get-access-token --query accessToken --output tsv \\
  --resource <App ID URI of the broker, api://…>`;

/** Asks for a caller token. It goes into memory, and from there into the Authorization header, nowhere else. */
export function SignIn(props: {
  readonly refusal: ApiFailure | undefined;
  readonly onSession: (session: Session) => void;
}) {
  const [pasted, setPasted] = useState('');
  const [wrong, setWrong] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    const session = readSession(pasted);
    if (session === undefined) setWrong('This is not an access token: three parts of base64url, joined by dots.');
    else if (session.expiresAtMs <= Date.now()) setWrong('This token has expired. Get a new one.');
    else props.onSession(session);
  };
  return (
    <main class="sign-in" id="content">
      <h2>Sign in with a caller token</h2>
      <p>
        This page holds no data of its own. It asks the API with an Entra access token for the broker's application,
        which you paste here. The token stays in the memory of this tab and is gone when you close or reload it.
      </p>
      <Failure failure={props.refusal} />
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
            setWrong('');
          }}
        />
        {wrong === '' ? null : <Notice kind="bad">{wrong}</Notice>}
        <button class="primary" type="submit">
          Show the dashboard
        </button>
      </form>
      <div id="token-help" class="quiet help">
        <p>With the Azure CLI, as a user or application with app roles of the broker:</p>
        <pre>
          <code>{azureCli}</code>
        </pre>
        <p>
          <code>Runs.Read</code> shows runs and jobs, <code>Tenants.Read</code> the tenants, <code>Runs.Write</code>{' '}
          starts and cancels runs, <code>Audit.Read</code> shows who got which token. Any caller sees the health report.
          Trying it on your own machine? The README shows where a token is.
        </p>
      </div>
    </main>
  );
}
