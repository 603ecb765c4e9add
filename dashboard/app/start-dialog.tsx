import { useEffect, useRef, useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { parameterFields } from '../../src/lib/model/parameters.ts';
import { useAction } from './action.tsx';
import type { ApiFailure } from './api-failure.ts';
import { useSignedIn } from './context.ts';
import { count } from './format.ts';
import { ParameterFields, parameterId } from './parameter-fields.tsx';
import { type FieldContent, initialContent, readForm } from './parameter-form.ts';
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
  const form = useStartForm({ job, onClose });
  const { tenants, chosen } = form;
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="start-title">
      <form onSubmit={form.submit} noValidate>
        <h2 id="start-title">Start {job.title}</h2>
        <label for="start-tenants">
          Only these tenants: ids, domains, group:NAME or tag:NAME. Leave empty for all tenants.
        </label>
        <textarea
          id="start-tenants"
          rows={3}
          value={tenants}
          onInput={(event) => form.setTenants(event.currentTarget.value)}
        />
        <ParameterFields
          fields={form.fields}
          content={form.content}
          problems={form.problems}
          onInput={form.setParameter}
        />
        <Failure failure={form.failure} />
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" class="primary" aria-disabled={form.busy}>
            {startLabel(chosen)}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** A group or tag stands for any number of tenants. */
function startLabel(chosen: readonly string[]): string {
  if (chosen.length === 0) return 'Start for all tenants';
  return chosen.some((entry) => entry.includes(':'))
    ? 'Start for these tenants'
    : `Start for ${count(chosen.length, 'tenant')}`;
}

function useStartForm({ job, onClose }: StartDialogProps) {
  const { api } = useSignedIn();
  const [fields] = useState(() => parameterFields(job.parameters));
  const [tenants, setTenants] = useState('');
  const [content, setContent] = useState(() => initialContent(fields));
  const [problems, setProblems] = useState<Readonly<Record<string, string>>>({});
  const [failure, setFailure] = useState<ApiFailure>();
  const { busy, run } = useAction(setFailure);
  // The field gets the focus once its description, which a screen reader says, has the problem.
  const [firstWrong, setFirstWrong] = useState<{ readonly id: string }>();
  useEffect(() => {
    if (firstWrong !== undefined) document.getElementById(firstWrong.id)?.focus();
  }, [firstWrong]);
  /** One window per dialog: a repeated request after a lost response does not start a second run. */
  const [window] = useState(() => `manual-${crypto.randomUUID()}`);
  const chosen = tenants.split(/[\s,;]+/).filter((part) => part !== '');
  const setParameter = (name: string, next: FieldContent): void => {
    setContent((current) => ({ ...current, [name]: next }));
    setProblems((current) => Object.fromEntries(Object.entries(current).filter(([other]) => other !== name)));
  };
  const start = async (parameters: object): Promise<void> => {
    const { runId } = await api.start(job.name, {
      window,
      ...(chosen.length === 0 ? {} : { tenants: chosen }),
      ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
    });
    onClose();
    location.hash = runLink(runId);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    const filled = readForm(fields, content);
    setProblems(filled.problems);
    const wrong = fields.find(({ name }) => filled.problems[name] !== undefined);
    if (wrong === undefined) void run(() => start(filled.parameters));
    else setFirstWrong({ id: parameterId(wrong.name) });
  };
  return { fields, tenants, setTenants, content, setParameter, problems, failure, busy, chosen, submit };
}
