import { useEffect, useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { parameterFields } from '../../src/lib/core/parameters.ts';
import { useAction } from './action.tsx';
import type { ApiFailure } from './api-failure.ts';
import { useRole, useSignedIn } from './context.ts';
import { Dialog } from './dialog.tsx';
import { Parameter, parameterId } from './parameter-fields.tsx';
import { type FieldContent, initialContent, readForm } from './parameter-form.ts';
import { Failure } from './pieces.tsx';
import { goTo, planLink, runLink } from './route.ts';
import { count } from './format.ts';
import { entriesIn } from './view-filter.ts';

type Job = JobsAnswer['jobs'][number];

interface StartDialogProps {
  readonly job: Job;
  /** Tenants to begin with, as ids. */
  readonly tenants?: readonly string[] | undefined;
  readonly onClose: () => void;
}

/** Asks which tenants to include before a run starts, so that one click cannot start a run over all tenants. */
export function StartDialog(props: StartDialogProps) {
  const { job, onClose } = props;
  const form = useStartForm(props);
  return (
    <Dialog
      title={`${verbOf(job)} ${job.title}`}
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

/** A plan changes nothing yet. */
const verbOf = ({ changes }: Job): string => (changes === true ? 'Plan' : 'Start');

function useStartForm({ job, tenants: first, onClose }: StartDialogProps) {
  const { api } = useSignedIn();
  const [fields] = useState(() => parameterFields(job.parameters));
  const chosen = useChosenTenants(`${verbOf(job)} for`, first);
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
  const setParameter = (name: string, next: FieldContent): void => {
    setContent((current) => ({ ...current, [name]: next }));
    setProblems((current) => Object.fromEntries(Object.entries(current).filter(([other]) => other !== name)));
  };
  const start = async (parameters: object): Promise<void> => {
    const tenants = await chosen.resolve();
    if (tenants === undefined) return;
    const { runId } = await (job.changes ? api.makePlan : api.start)(job.name, {
      window,
      ...tenants,
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
    if (wrong === undefined) void run(() => start(filled.parameters));
    else setFirstWrong({ id: parameterId(wrong.name) });
  };
  return { fields, content, setParameter, problems, failure, busy, chosen, submit };
}

/** What the two fields of the start form say. */
interface TenantChoice {
  readonly only: string;
  readonly except: string;
}

/** The tenants of a run: all, or those that two lists name. */
export interface ChosenTenants {
  readonly choice: TenantChoice;
  readonly set: (change: Partial<TenantChoice>) => void;
  /** The lists as they are written. */
  readonly named: NamedTenants;
  /** What the button says. */
  readonly buttonText: string;
  /** What groups and tags mean now. Undefined until that was asked, and after a change. */
  readonly found: number | undefined;
  readonly problem: string | undefined;
  /**
   * The lists: the broker resolves them again when it plans the run. Undefined if it had to be asked what
   * they mean, and the person must confirm what it found.
   * @throws ApiFailure
   */
  readonly resolve: () => Promise<NamedTenants | undefined>;
}

export interface NamedTenants {
  readonly tenants?: readonly string[];
  readonly except?: readonly string[];
}

/**
 * Groups and tags are looked up first, so that nobody starts a run for tenants that they have not seen the number of.
 * @param verb what the button says before the tenants.
 * @param first entries to begin with.
 */
export function useChosenTenants(verb = 'Start for', first: readonly string[] = []): ChosenTenants {
  const { api } = useSignedIn();
  const [choice, setChoice] = useState<TenantChoice>({ only: first.join('\n'), except: '' });
  const [found, setFound] = useState<number>();
  const [only, except] = [entriesIn(choice.only), entriesIn(choice.except)];
  const mayLookUp = useRole('Tenants.Read');
  const isSimple = except.length === 0 && !only.some((entry) => entry.includes(':'));
  const needsLookup = mayLookUp && !isSimple;
  const named = { ...(only.length === 0 ? {} : { tenants: only }), ...(except.length === 0 ? {} : { except }) };
  const resolve: ChosenTenants['resolve'] = async () => {
    if (!needsLookup || (found !== undefined && found > 0)) return named;
    setFound((await api.tenantsIn(only, except)).tenants.length);
    return undefined;
  };
  const set = (change: Partial<TenantChoice>): void => {
    setChoice((current) => ({ ...current, ...change }));
    setFound(undefined);
  };
  const number = isSimple ? only.length : needsLookup ? found : undefined;
  const buttonText = buttonTextOf(verb, { isAll: isSimple && only.length === 0, named: number, needsLookup });
  const problem = found === 0 ? 'No tenant that you may see is in this choice.' : undefined;
  return { choice, set, named, buttonText, found, problem, resolve };
}

function buttonTextOf(
  verb: string,
  chosen: { readonly isAll: boolean; readonly named: number | undefined; readonly needsLookup: boolean },
): string {
  const { isAll, named = 0, needsLookup } = chosen;
  if (isAll) return `${verb} all tenants`;
  if (named > 0) return `${verb} ${count(named, 'tenant')}`;
  return needsLookup ? 'Find these tenants' : `${verb} these tenants`;
}

/** The fields. */
export function StartTenants({
  chosen,
  all = 'all tenants',
}: {
  readonly chosen: ChosenTenants;
  readonly all?: string;
}) {
  const { choice, set, found, problem } = chosen;
  return (
    <>
      <label for="start-tenants">Only these tenants</label>
      <p id="start-hint" class="small quiet">
        Ids, domains, <code>group:NAME</code> or <code>tag:NAME</code>. Empty: {all}.
      </p>
      <textarea
        id="start-tenants"
        aria-describedby="start-hint"
        rows={3}
        value={choice.only}
        onInput={(event) => set({ only: event.currentTarget.value })}
      />
      <label for="start-except">Except these</label>
      <textarea
        id="start-except"
        aria-describedby="start-hint"
        rows={1}
        value={choice.except}
        onInput={(event) => set({ except: event.currentTarget.value })}
      />
      <p role="status" class={problem === undefined ? 'quiet' : 'problem'}>
        {problem ?? (found === undefined ? '' : `This means ${count(found, 'tenant')} now.`)}
      </p>
    </>
  );
}
