import { useEffect, useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import type { RunAnswer } from '../../src/lib/api/answers/runs.ts';
import { wordsOf } from '../../src/lib/api/report/report-words.ts';
import { parameterFields } from '../../src/lib/core/parameters.ts';
import { useAction } from './action.tsx';
import type { ApiFailure } from './api-failure.ts';
import { useSignedIn } from './context.ts';
import { Dialog } from './dialog.tsx';
import { count, duration, firstSentence } from './format.ts';
import { visitsAnew } from './nights.ts';
import { Parameter, parameterId } from './parameter-fields.tsx';
import { type FieldContent, initialContent, readForm } from './parameter-form.ts';
import { Failure } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { goTo, planLink, runLink } from './route.ts';
import { StartTenants, useChosenTenants } from './tenant-picker.tsx';

type Job = JobsAnswer['jobs'][number];

interface StartDialogProps {
  readonly job: Job;
  /** Tenants to begin with, as ids. */
  readonly tenants?: readonly string[] | undefined;
  /** Parameters to begin with. The others have the defaults of the job. */
  readonly parameters?: RunAnswer['parameters'];
  readonly onClose: () => void;
}

/** Asks which tenants to include before a run starts, so that one click cannot start a run over all tenants. */
export function StartDialog(props: StartDialogProps) {
  const { job, onClose } = props;
  const form = useStartForm(props);
  return (
    <Dialog
      title={`${verbOf(job)} ${job.title}`}
      about={<About job={job} />}
      onClose={onClose}
      form={{ onSubmit: form.submit, send: form.chosen.buttonText, busy: form.busy }}
    >
      <StartTenants chosen={form.chosen} />
      {form.fields.map((field) => (
        <Parameter
          key={field.name}
          field={field}
          content={form.content[field.name] ?? ''}
          problem={form.problems[field.name]}
          onInput={(next) => form.setParameter(field.name, next)}
        />
      ))}
      <Failure failure={form.failure} />
    </Dialog>
  );
}

/** What it does, what it reads, and about how long it takes. */
function About({ job }: { readonly job: Job }) {
  const { name, description, resources, parameters, changes } = job;
  const { value } = usePolling((api) => api.runs(lastRead, name), `last runs of ${name}`, undefined, lastFreshMs);
  const last = value?.runs.find((run) => run.finishedAt !== undefined && visitsAnew(run) && run.tenants.total > 0);
  // A job whose form asks for resources reads those that are chosen.
  const read = parameters.properties['resources'] === undefined ? resources : [];
  const facts = [
    read.length === 0
      ? []
      : `Reads ${listFormat.format(read.map((resource) => wordsOf(resource, 'resource')))}${changes === true ? ', and changes nothing' : ''}.`,
    last === undefined
      ? []
      : `The last ${changes === true ? 'plan' : 'run'} took ${duration(last.durationMs)} for ${count(last.tenants.total, 'tenant')}.`,
  ].flat();
  return (
    <>
      {description === undefined ? null : <p>{firstSentence(description)}</p>}
      {facts.length === 0 ? null : <p>{facts.join(' ')}</p>}
    </>
  );
}

/** Applies of its plans may come between. */
const lastRead = 5;
const lastFreshMs = 60_000;
const listFormat = new Intl.ListFormat('en');

/** A plan changes nothing yet. */
const verbOf = ({ changes }: Job): string => (changes === true ? 'Plan' : 'Start');

function useStartForm({ job, tenants: first, parameters: given, onClose }: StartDialogProps) {
  const { api } = useSignedIn();
  const [fields] = useState(() => parameterFields(job.parameters));
  const chosen = useChosenTenants(`${verbOf(job)} for`, {
    first,
    all: job.tenants === undefined && job.except === undefined ? 'listed' : 'job',
  });
  const [content, setContent] = useState(() => initialContent(fields, given));
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
  const setParameter = (name: string, next: FieldContent): void => {
    setContent((current) => ({ ...current, [name]: next }));
    setProblems((current) => Object.fromEntries(Object.entries(current).filter(([other]) => other !== name)));
  };
  const start = async (parameters: object): Promise<void> => {
    const { runId } = await (job.changes ? api.makePlan : api.start)(job.name, {
      window,
      ...chosen.named,
      ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
    });
    onClose();
    goTo((job.changes ? planLink : runLink)(runId));
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    const filled = readForm(fields, content);
    setProblems(filled.problems);
    const wrong = fields.find(({ name }) => filled.problems[name] !== undefined);
    if (wrong !== undefined) setFirstWrong({ id: parameterId(wrong.name) });
    else if (chosen.isFit()) void run(() => start(filled.parameters));
  };
  return { fields, content, setParameter, problems, failure, busy, chosen, submit };
}
