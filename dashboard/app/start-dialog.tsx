import { useEffect, useRef, useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { Notice } from '../shared/text.tsx';
import { useAction } from './action.tsx';
import type { ApiFailure } from './api-failure.ts';
import { useSignedIn } from './context.ts';
import { count } from './format.ts';
import { Failure } from './pieces.tsx';
import { runLink } from './route.ts';

type Job = JobsAnswer['jobs'][number];

interface StartDialogProps {
  readonly job: Job;
  readonly onClose: () => void;
}

/** Asks which tenants to include before a run starts, so that one click cannot start a run over all tenants. */
export function StartDialog({ job, onClose }: StartDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const { fields, setFields, problem, failure, busy, chosen, submit } = useStartForm({ job, onClose });
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="start-title">
      <form onSubmit={submit}>
        <h2 id="start-title">Start {job.title}</h2>
        <Field id="start-tenants" rows={3} value={fields.tenants} onInput={(tenants) => setFields({ tenants })}>
          Only these tenants (ids or domains). Leave empty for all tenants.
        </Field>
        <Field
          id="start-parameters"
          rows={2}
          placeholder="{}"
          value={fields.parameters}
          onInput={(parameters) => setFields({ parameters })}
        >
          Job parameters as a JSON object, if the job has any.
        </Field>
        {problem === '' ? null : <Notice kind="bad">{problem}</Notice>}
        <Failure failure={failure} />
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" class="primary" aria-disabled={busy}>
            {chosen.length === 0 ? 'Start for all tenants' : `Start for ${count(chosen.length, 'tenant')}`}
          </button>
        </div>
      </form>
    </dialog>
  );
}

function useStartForm({ job, onClose }: StartDialogProps) {
  const { api } = useSignedIn();
  const [fields, setAllFields] = useState({ tenants: '', parameters: '' });
  const [failure, setFailure] = useState<ApiFailure>();
  const [problem, setProblem] = useState('');
  const { busy, run } = useAction(setFailure);
  /** One window per dialog: a repeated request after a lost response does not start a second run. */
  const [window] = useState(() => `manual-${crypto.randomUUID()}`);
  const chosen = fields.tenants.split(/[\s,;]+/).filter((part) => part !== '');
  const setFields = (change: Partial<typeof fields>): void => {
    setAllFields((current) => ({ ...current, ...change }));
    if (change.parameters !== undefined) setProblem('');
  };
  const start = async (parameters: object): Promise<void> => {
    const { runId } = await api.start(job.name, {
      window,
      ...(chosen.length === 0 ? {} : { tenants: chosen }),
      ...(fields.parameters.trim() === '' ? {} : { parameters }),
    });
    onClose();
    location.hash = runLink(runId);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    const parameters = readParameters(fields.parameters);
    if (parameters === undefined) setProblem('The parameters are not a JSON object.');
    else void run(() => start(parameters));
  };
  return { fields, setFields, problem, failure, busy, chosen, submit };
}

function Field(props: {
  readonly id: string;
  readonly rows: number;
  readonly placeholder?: string;
  readonly value: string;
  readonly onInput: (text: string) => void;
  /** The label. */
  readonly children: string;
}) {
  const { id, rows, placeholder, value, onInput, children } = props;
  return (
    <>
      <label for={id}>{children}</label>
      <textarea
        id={id}
        rows={rows}
        placeholder={placeholder}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </>
  );
}

/** An empty text is an empty object. @returns undefined for a text that is not a JSON object. */
function readParameters(text: string): object | undefined {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
