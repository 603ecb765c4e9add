import { useEffect, useRef, useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { Notice } from '../shared/text.tsx';
import { useAction } from './action.tsx';
import type { ApiFailure } from './api.ts';
import { useSignedIn } from './context.ts';
import { Failure } from './pieces.tsx';
import { runLink } from './route.ts';

/** Asks what a run shall cover before it is started: a run over all tenants is no slip of the mouse. */
export function StartDialog({
  job,
  onClose,
}: {
  readonly job: JobsAnswer['jobs'][number];
  readonly onClose: () => void;
}) {
  const { api } = useSignedIn();
  const dialog = useRef<HTMLDialogElement>(null);
  const [tenants, setTenants] = useState('');
  const [parameters, setParameters] = useState('');
  const [failure, setFailure] = useState<ApiFailure>();
  const [wrong, setWrong] = useState('');
  const { busy, attempt } = useAction(setFailure);
  /** One for all that this dialog sends: when an answer is lost on the way, the repetition starts nothing twice. */
  const [window] = useState(() => `manual-${crypto.randomUUID()}`);
  useEffect(() => dialog.current?.showModal(), []);
  const chosen = tenants.split(/[\s,;]+/).filter((part) => part !== '');
  const submit = (event: Event): void => {
    event.preventDefault();
    const given = readParameters(parameters);
    if (given === undefined) {
      setWrong('The parameters are not a JSON object.');
      return;
    }
    void attempt(async () => {
      const { runId } = await api.start(job.name, {
        window,
        ...(chosen.length === 0 ? {} : { tenants: chosen }),
        ...(parameters.trim() === '' ? {} : { parameters: given }),
      });
      onClose();
      location.hash = runLink(runId);
    });
  };
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="start-title">
      <form onSubmit={submit}>
        <h2 id="start-title">Start {job.title}</h2>
        <label for="start-tenants">Only these tenants (ids or domains); none: all of them</label>
        <textarea
          id="start-tenants"
          rows={3}
          value={tenants}
          onInput={(event) => setTenants(event.currentTarget.value)}
        />
        <label for="start-parameters">Parameters of the job (JSON), if it takes any</label>
        <textarea
          id="start-parameters"
          rows={2}
          placeholder="{}"
          value={parameters}
          onInput={(event) => {
            setParameters(event.currentTarget.value);
            setWrong('');
          }}
        />
        {wrong === '' ? null : <Notice kind="bad">{wrong}</Notice>}
        <Failure failure={failure} />
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Back
          </button>
          <button type="submit" class="primary" aria-disabled={busy}>
            {chosen.length === 0 ? 'Start for all tenants' : `Start for ${chosen.length}`}
          </button>
        </div>
      </form>
    </dialog>
  );
}

function readParameters(text: string): object | undefined {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
