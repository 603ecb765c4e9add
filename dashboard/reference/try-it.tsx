import { createContext } from 'preact';
import { useContext, useRef, useState } from 'preact/hooks';
import { Choice } from '../app/choice.tsx';
import { apiUrl } from '../shared/api-base.ts';
import type { Entry } from './document.ts';

/** The token that the reader entered. Kept in memory only. */
export const TokenContext = createContext('');

/** An answer, prepared for display. */
interface Received {
  readonly line: string;
  readonly body: string;
}

/** Longer bodies are cut off, in characters. */
const maxShown = 20_000;

/** A form that sends a request to the app that serves this page. The body starts with the example. */
export function TryIt({ entry }: { readonly entry: Entry }) {
  const token = useContext(TokenContext);
  const { methods, operation } = entry;
  const [method, setMethod] = useState<string>(methods[0]);
  const { parameters = [], requestBody, operationId } = operation;
  const bodyExample = Object.values(requestBody?.content ?? {})[0]?.example;
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [body, setBody] = useState(bodyExample === undefined ? '' : JSON.stringify(bodyExample));
  const hasBody = requestBody !== undefined && method !== 'GET' && method !== 'DELETE';
  const [received, setReceived] = useState<Received>();
  /** Number of the latest request. Answers to earlier requests are dropped. */
  const latest = useRef(0);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const own = (latest.current += 1);
    const answer = await send(addressOf(entry, values), method, token, hasBody && body !== '' ? body : undefined);
    if (latest.current === own) setReceived(answer);
  };
  return (
    <details class="try">
      <summary>Try it</summary>
      <form onSubmit={(event) => void submit(event)}>
        {methods.length === 1 ? null : (
          <Choice label="method" value={method} options={methods} onChoose={setMethod} all={false} />
        )}
        {parameters.map(({ name, required, example }) => (
          <label key={name}>
            {name}
            <input
              name={name}
              required={required}
              placeholder={example ?? ''}
              value={values[name] ?? ''}
              onInput={(event) => setValues({ ...values, [name]: event.currentTarget.value })}
            />
          </label>
        ))}
        {hasBody ? (
          <label>
            body
            <textarea
              rows={3}
              spellcheck={false}
              value={body}
              onInput={(event) => setBody(event.currentTarget.value)}
            />
          </label>
        ) : null}
        <button type="submit" class="primary">
          Send {method}
        </button>
      </form>
      {received === undefined ? null : (
        <div role="status" aria-label={`Answer to ${operationId}`}>
          <p>{received.line}</p>
          <pre>
            <code>{received.body}</code>
          </pre>
        </div>
      )}
    </details>
  );
}

function addressOf({ path, operation }: Entry, values: Readonly<Record<string, string>>): URL {
  const { parameters = [] } = operation;
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const encoded = encodeURIComponent(values[name] ?? '');
    // A parameter that stands for the rest of a path has slashes in its example.
    const isRest = parameters.some((parameter) => parameter.name === name && parameter.example?.includes('/') === true);
    return isRest ? encoded.replaceAll('%2F', '/') : encoded;
  });
  const url = apiUrl(filled.slice(1));
  for (const { name, in: location } of parameters) {
    const value = values[name];
    if (location === 'query' && value !== undefined && value !== '') url.searchParams.set(name, value);
  }
  return url;
}

async function send(url: URL, method: string, token: string, body: string | undefined): Promise<Received> {
  try {
    const response = await fetch(url, {
      method,
      cache: 'no-store',
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    const type = response.headers.get('content-type') ?? 'no content';
    return { line: `${response.status} ${type}`, body: readable(text) };
  } catch {
    return { line: 'The request did not reach the broker.', body: '' };
  }
}

function readable(text: string): string {
  let shown = text;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // Not JSON: show the text unchanged.
  }
  return shown.length <= maxShown ? shown : `${shown.slice(0, maxShown)}\n(cut off here)`;
}
