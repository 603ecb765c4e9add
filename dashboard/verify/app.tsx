import { useEffect, useRef, useState } from 'preact/hooks';
import { visibleText } from '../../src/lib/core/text.ts';
import { Notice } from '../shared/text.tsx';
import { AccountView } from './account-view.tsx';
import { type Checked, checkFile, type Heads, isExtract, mostBytes, noHeads } from './check.ts';
import { Drop } from './parts.tsx';
import { comparisonsOf, type Expected, nothingExpected, Verdict } from './verdict.tsx';

/** What the page does with a file. */
type State =
  | { readonly is: 'empty' }
  | { readonly is: 'busy'; readonly name: string; readonly share: number }
  | { readonly is: 'failed'; readonly name: string; readonly problem: string }
  | {
      readonly is: 'done';
      readonly name: string;
      readonly checked: Checked;
      /** With which it was compared. */
      readonly against: Heads;
    };

/** Why this browser cannot check anything, if it cannot. */
const noCryptography =
  globalThis.crypto?.subtle === undefined
    ? 'This browser offers no cryptography to this page. Save the page and open it from your disk, or from an https address, with a current version of Edge, Chrome, Firefox or Safari.'
    : undefined;

export function VerifyPage() {
  const [state, setState] = useState<State>({ is: 'empty' });
  const [heads, setHeads] = useState(noHeads);
  const [expected, setExpected] = useState(nothingExpected);
  const [log, setLog] = useState<readonly File[]>([]);
  const running = useRef<{ readonly file: File; readonly stop: AbortController }>(undefined);

  const check = (file: File, against: Heads): void => {
    running.current?.stop.abort();
    const stop = new AbortController();
    running.current = { file, stop };
    const name = visibleText(file.name);
    if (file.size > mostBytes) {
      setState({ is: 'failed', name, problem: tooBig(file.size) });
      return;
    }
    setState({ is: 'busy', name, share: 0 });
    const show = (next: State): void => {
      if (!stop.signal.aborted) setState(next);
    };
    checkFile(file, {
      ...(against.heads.length === 0 ? {} : { heads: against.heads }),
      nowMs: Date.now(),
      onProgress: (share) => show({ is: 'busy', name, share }),
      signal: stop.signal,
    }).then(
      (checked) => show({ is: 'done', name, checked, against }),
      (thrown: unknown) => show({ is: 'failed', name, problem: whyUnread(thrown) }),
    );
  };

  /** The reader may drop the second file where the first one went. */
  const take = async (files: readonly File[]): Promise<void> => {
    const [file] = files;
    const isProven = state.is === 'done' && state.checked.verdict.isProven;
    if (file === undefined) return;
    if (isProven && !(await isExtract(file))) setLog((known) => [...known, ...files]);
    else check(file, heads);
  };

  const compare = (next: Heads): void => {
    setHeads(next);
    if (running.current !== undefined && next.heads !== heads.heads) check(running.current.file, next);
  };

  // A file that misses the field would replace the page.
  useEffect(() => {
    const caught = (event: DragEvent): void => {
      event.preventDefault();
      if (event.type === 'drop') void take([...(event.dataTransfer?.files ?? [])]);
    };
    document.addEventListener('dragover', caught);
    document.addEventListener('drop', caught);
    return () => {
      document.removeEventListener('dragover', caught);
      document.removeEventListener('drop', caught);
    };
  });

  return (
    <main class="verify">
      <header>
        <h1>What your IT partner did in your tenant</h1>
        <p class="lede">
          Your partner sent you a file with every record of its access to your tenant. This page checks that nothing in
          it was changed, left out or added, and shows what it says. It works without network: the file stays on this
          computer.
        </p>
      </header>
      {noCryptography === undefined ? (
        <Drop
          id="extract"
          label="Drop the file from your partner here, or choose it"
          onFiles={(files) => void take(files)}
        >
          <p class="quiet">It ends in .jsonl. You can drop another one at any time.</p>
        </Drop>
      ) : (
        <Notice kind="bad">{noCryptography}</Notice>
      )}
      <Shown
        state={state}
        onStop={() => {
          running.current?.stop.abort();
          setState({ is: 'empty' });
        }}
        expected={expected}
        onExpected={setExpected}
        heads={heads}
        onHeads={compare}
        log={log}
        onLog={setLog}
      />
    </main>
  );
}

/** Whether it is about another tenant, or signed with another key, than the reader knows. */
function isOther({ checked, against }: Extract<State, { is: 'done' }>, expected: Expected): boolean {
  const { tenant, key } = comparisonsOf(checked.verdict, expected, against);
  return tenant === 'other' || key === 'other';
}

/** What is nested too deeply, or has too many parts, ends in a RangeError. */
const whyUnread = (thrown: unknown): string =>
  thrown instanceof RangeError
    ? 'The file has something that no extract has, and this browser cannot read it. Nothing speaks for what it says.'
    : `The browser could not read the file to its end: ${String(thrown)}`;

const tooBig = (bytes: number): string =>
  `The file has ${(bytes / 2 ** 30).toFixed(1)} GiB, and this page reads up to ${mostBytes / 2 ** 30} GiB. Ask for an extract of a shorter period, or check this one with the command “ptb audit verify FILE”, which reads files of any size.`;

interface ShownProps {
  readonly state: State;
  readonly expected: Expected;
  readonly onExpected: (expected: Expected) => void;
  readonly heads: Heads;
  readonly onStop: () => void;
  readonly onHeads: (heads: Heads) => void;
  /** Downloads of the customer's sign-in log. */
  readonly log: readonly File[];
  readonly onLog: (files: readonly File[]) => void;
}

function Shown({ state, expected, onExpected, heads, onStop, onHeads, log, onLog }: ShownProps) {
  return (
    <>
      <div role="status">
        {state.is === 'busy' ? (
          <div class="note">
            <div>
              <label>
                Checking {state.name}: {Math.floor(state.share * 100)} %
                <progress value={state.share} max={1} />
              </label>
            </div>
            <button type="button" onClick={onStop}>
              Stop
            </button>
          </div>
        ) : null}
        {state.is === 'failed' ? (
          <Notice kind="bad">
            <h2>Not checked: {state.name}</h2>
            <p>{state.problem}</p>
          </Notice>
        ) : null}
        {state.is === 'done' ? (
          <Verdict
            name={state.name}
            verdict={state.checked.verdict}
            expected={expected}
            onExpected={onExpected}
            heads={{ ...state.against, ...(heads.problem !== undefined && { problem: heads.problem }) }}
            onHeads={onHeads}
          />
        ) : null}
      </div>
      {state.is === 'done' && state.checked.verdict.isProven ? (
        // It stays there: what the reader chose in it and the logs that were read outlast a slip in a field.
        <div class="stack" hidden={isOther(state, expected)}>
          <AccountView {...state.checked} log={log} onLog={onLog} />
        </div>
      ) : null}
    </>
  );
}
