import { useEffect, useState } from 'preact/hooks';
import { Notice, Paragraphs } from '../shared/text.tsx';
import { type ApiDocument, entriesOf, loadDocument } from './document.ts';
import { Methods, OperationView } from './operation-view.tsx';
import { DocumentContext } from './schema-tree.tsx';
import { TokenContext } from './try-it.tsx';

export function Reference() {
  const [document, setDocument] = useState<ApiDocument>();
  const [failure, setFailure] = useState<string>();
  const [token, setToken] = useState('');
  useEffect(() => {
    loadDocument().then(setDocument, (error: unknown) => setFailure(String(error)));
  }, []);
  // The target of the address's fragment exists only after the document is rendered.
  useEffect(() => {
    if (document !== undefined && location.hash !== '')
      globalThis.document.querySelector(location.hash)?.scrollIntoView();
  }, [document]);
  if (failure !== undefined) return <Notice kind="bad">The API reference could not be loaded: {failure}.</Notice>;
  if (document === undefined) return <p class="quiet loading">Loading…</p>;
  return (
    <DocumentContext.Provider value={document}>
      <TokenContext.Provider value={token}>
        <Contents document={document} />
        <main>
          <Introduction document={document} token={token} onToken={setToken} />
          {document.tags.map(({ name }) => (
            <section key={name} aria-label={name}>
              <h2>{name}</h2>
              {entriesOf(document, name).map((entry) => (
                <OperationView key={entry.operation.operationId} entry={entry} />
              ))}
            </section>
          ))}
        </main>
      </TokenContext.Provider>
    </DocumentContext.Provider>
  );
}

function Contents({ document }: { readonly document: ApiDocument }) {
  return (
    <nav class="contents" aria-label="Operations">
      <a class="brand" href="dashboard">
        <img src="assets/icon.svg" alt="" width="24" height="24" />
        <span>
          Token Broker<small>Back to the dashboard</small>
        </span>
      </a>
      {document.tags.map(({ name }) => (
        <div key={name}>
          <h2>{name}</h2>
          <ul>
            {entriesOf(document, name).map(({ methods, operation }) => (
              <li key={operation.operationId}>
                <a href={`#${operation.operationId}`}>
                  <Methods methods={methods} /> {operation.summary}
                </a>
              </li>
            ))}
          </ul>
        </div>
      ))}
      <p>
        <a href="openapi.json">openapi.json</a>
      </p>
    </nav>
  );
}

function Introduction(props: {
  readonly document: ApiDocument;
  readonly token: string;
  readonly onToken: (token: string) => void;
}) {
  return (
    <section class="introduction">
      <h1>{props.document.info.title}</h1>
      <p class="quiet">Version {props.document.info.version} of the API</p>
      <Paragraphs text={props.document.info.description} />
      <details>
        <summary>Token for trying requests from this page</summary>
        <label for="token">A caller's access token. It stays in the memory of this tab.</label>
        <textarea
          id="token"
          class="secret"
          rows={3}
          autocomplete="off"
          spellcheck={false}
          value={props.token}
          onInput={(event) => props.onToken(event.currentTarget.value.trim().replace(/^bearer\s+/i, ''))}
        />
      </details>
    </section>
  );
}
