import { useEffect, useRef, useState } from 'preact/hooks';
import { Field } from './choice.tsx';
import { useSignedIn } from './context.ts';
import { Command } from './copy.tsx';
import { count } from './format.ts';
import type { ApiFailure } from './api-failure.ts';
import { Dialog } from './dialog.tsx';
import { Failure } from './pieces.tsx';
import { saveFile } from './save-file.ts';

const dayMs = 24 * 60 * 60 * 1000;
/** The value of a `date` input. */
const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

type Progress =
  | { readonly is: 'ready' | 'done' }
  | { readonly is: 'loading'; readonly lines: number }
  | { readonly is: 'failed'; readonly failure: ApiFailure };

/** Every record about a tenant with its proof, as a file for the customer. */
export function TenantExtract({ tenantId, onClose }: { readonly tenantId: string; readonly onClose: () => void }) {
  const { api } = useSignedIn();
  const [since, setSince] = useState(() => dateOf(Date.now() - 30 * dayMs));
  const [until, setUntil] = useState(() => dateOf(Date.now()));
  const [progress, setProgress] = useState<Progress>({ is: 'ready' });
  const isClosed = useRef(false);
  useEffect(
    () => () => {
      isClosed.current = true;
    },
    [],
  );
  const isBusy = progress.is === 'loading';
  const download = async (event: Event): Promise<void> => {
    event.preventDefault();
    // The forms of dialogs leave this to the page.
    if (isBusy || !(event.currentTarget as HTMLFormElement).reportValidity()) return;
    setProgress({ is: 'loading', lines: 0 });
    try {
      // The last day as a whole, but nothing that has not happened yet.
      const end = new Date(Math.min(Date.parse(until) + dayMs, Date.now())).toISOString();
      const period = { tenant: tenantId, since: new Date(since).toISOString(), until: end };
      const file = await api.extract(period, (lines) => setProgress({ is: 'loading', lines }));
      if (isClosed.current) return;
      saveFile(file, `extract-${tenantId}-${since}-${until}.jsonl`);
      setProgress({ is: 'done' });
    } catch (thrown) {
      setProgress({ is: 'failed', failure: thrown as ApiFailure });
    }
  };
  return (
    <Dialog
      title="Signed extract for the customer"
      onClose={onClose}
      form={{
        onSubmit: (event) => void download(event),
        send: 'Download the extract',
        busy: isBusy,
        cancel: 'Close',
      }}
    >
      <p>
        A file with every record about this customer, and the proof that none is missing or changed. It names people,
        and tells nothing about other customers.
      </p>
      <div class="filters period">
        <Field label="From" type="date" required value={since} onInput={setSince} />
        <Field label="To" type="date" required value={until} onInput={setUntil} />
      </div>
      <span role="status">
        {isBusy ? `${count(progress.lines, 'line')} so far` : progress.is === 'done' ? 'Downloaded.' : ''}
      </span>
      <Failure failure={progress.is === 'failed' ? progress.failure : undefined} />
      <p class="quiet">The customer checks it in a browser, with the page that this writes:</p>
      <Command text="ptb audit verify-page --out verify.html" />
    </Dialog>
  );
}
