import { useRef, useState } from 'preact/hooks';
import type { CheckedQueryAnswer } from '../../src/lib/api/answers/runs.ts';
import { useAction } from './action.tsx';
import { ApiFailure } from './api-failure.ts';
import { useSignedIn } from './context.ts';
import { Dialog } from './dialog.tsx';
import { count, scheduleWords } from './format.ts';
import { Icon } from './icon.tsx';
import { Failure } from './pieces.tsx';
import { goTo, runLink } from './route.ts';
import { type NamedTenants, StartTenants, useChosenTenants } from './tenant-picker.tsx';
import { Check, TextField } from './choice.tsx';
import { entriesIn } from './view-filter.ts';
import { isJobName, narrowestOf, queryJobText } from '../../src/lib/runs/job/query-job-text.ts';
import { Command, CopyButton } from './copy.tsx';

/** What the fields say. */
interface QuestionText {
  readonly path: string;
  /** Names with commas between them. */
  readonly select: string;
  readonly allPages: boolean;
}

const examples = ['/users', '/organization', '/subscribedSkus', '/identity/conditionalAccess/policies'];

/** Sends one GET to Microsoft Graph in many tenants. Explains first which rule opens it, and by which permission. */
export function AskDialog({ onClose }: { readonly onClose: () => void }) {
  const form = useQuestion(onClose);
  const { chosen, question, set, explain } = form;
  return (
    <Dialog
      title="Query many tenants"
      about="One GET to Microsoft Graph in each tenant, under the permissions of your rules."
      kind="wide"
      onClose={onClose}
      form={{ onSubmit: form.submit, send: chosen.buttonText, busy: form.busy }}
    >
      <TextField
        id="ask-path"
        label="Path and query at Microsoft Graph"
        placeholder="/users?$top=999"
        value={question.path}
        onText={(path) => set({ path })}
        onLeave={explain}
        examples={examples}
        describedBy="ask-explanation"
      />
      <TextField
        id="ask-select"
        label="Properties, with commas between them. Leave empty for those that Graph returns by itself."
        placeholder="displayName,accountEnabled"
        value={question.select}
        onText={(select) => set({ select })}
        onLeave={explain}
      />
      <div id="ask-explanation" role="status">
        <Explanation checked={form.checked} />
        <Failure failure={form.refusal} />
      </div>
      <Check
        label="Read all pages of each answer, and not the first one alone"
        checked={question.allPages}
        onChange={(allPages) => set({ allPages })}
      />
      <StartTenants chosen={chosen} all="every customer that you may read or that a rule of yours covers" />
      {form.checked === undefined ? null : <QueryJob checked={form.checked} tenants={chosen.named} />}
      <Failure failure={form.failure} />
    </Dialog>
  );
}

/** Which rule opens the request, by which permission, and how many customers that is. */
function Explanation({ checked }: { readonly checked: CheckedQueryAnswer | undefined }) {
  if (checked === undefined) return null;
  const { path, rules, anyOf, tenants } = checked;
  return (
    <div class="explanation">
      <p>
        <code>GET {path}</code>
      </p>
      {rules.map(({ rule, permissions }) => (
        <p key={rule}>
          Opened by the rule <strong>{rule}</strong> with {permissions.join(', ')}.
        </p>
      ))}
      {anyOf.length === 0 ? null : <p class="quiet">Each of these permissions opens it: {anyOf.join(', ')}.</p>}
      <p class="quiet">
        Open to you in {tenants.open.toLocaleString('en')} of {count(tenants.chosen, 'tenant')}.
      </p>
    </div>
  );
}

function useQuestion(onClose: () => void) {
  const { api } = useSignedIn();
  const [question, setQuestion] = useState<QuestionText>({ path: '', select: '', allPages: false });
  const [checked, setChecked] = useState<CheckedQueryAnswer>();
  const [refusal, setRefusal] = useState<ApiFailure>();
  const [failure, setFailure] = useState<ApiFailure>();
  const chosen = useChosenTenants('Query');
  const { busy, run } = useAction(setFailure);
  const asked = () => {
    const select = entriesIn(question.select);
    return { path: question.path, ...(select.length === 0 ? {} : { select }) };
  };
  const set = (change: Partial<QuestionText>): void => {
    setQuestion((current) => ({ ...current, ...change }));
    if (change.allPages !== undefined) return;
    setChecked(undefined);
    setRefusal(undefined);
  };
  /** The newest question. An answer about an earlier one is not shown. */
  const newest = useRef(0);
  /** When a field is left: a path that is half typed would be refused, and the audit log records refusals. */
  const explain = async (): Promise<void> => {
    if (question.path.trim() === '') return;
    const own = (newest.current += 1);
    const found = await api.checkQuery(asked()).catch((thrown: unknown) => {
      if (thrown instanceof ApiFailure) return thrown;
      throw thrown;
    });
    if (own !== newest.current) return;
    if (found instanceof ApiFailure) setRefusal(found);
    else setChecked(found);
  };
  const ask = async (): Promise<void> => {
    setRefusal(undefined);
    const { runId } = await api.ask({ ...asked(), ...chosen.named, ...(question.allPages ? { allPages: true } : {}) });
    onClose();
    goTo(runLink(runId, 'rows'));
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (chosen.isFit()) void run(ask);
  };
  return { question, set, checked, refusal, failure, busy, chosen, explain: () => void explain(), submit };
}

interface QueryJobProps {
  readonly checked: CheckedQueryAnswer;
  readonly tenants: NamedTenants;
}

/** A query as a job: the command that writes it into the project, and its text. Jobs are code, so nothing is saved here. */
function QueryJob({ checked, tenants }: QueryJobProps) {
  const [name, setName] = useState('');
  const [schedule, setSchedule] = useState('');
  const expression = schedule.trim().replaceAll(/\s+/g, ' ');
  return (
    <details class="query-job">
      <summary>
        <Icon name="turn" turns /> Save it as a job
      </summary>
      <div class="in">
        <TextField id="job-name" label="Name of the job" placeholder="guest-list" value={name} onText={setName} />
        <TextField
          id="job-schedule"
          label="When it starts, in UTC, with seconds first. Leave empty to start it by hand."
          placeholder="0 15 6 * * 1"
          value={schedule}
          onText={setSchedule}
          describedBy="job-when"
        />
        <p id="job-when" class="quiet">
          {expression === '' ? '' : scheduleWords(expression)}
        </p>
        {isJobName(name) ? (
          <JobText {...{ checked, tenants, name, ...(expression === '' ? {} : { schedule: expression }) }} />
        ) : (
          <p class={name === '' ? 'quiet' : 'problem'}>
            A job has a name of at most 40 lower case letters, digits and single hyphens.
          </p>
        )}
      </div>
    </details>
  );
}

interface JobTextProps extends QueryJobProps {
  readonly name: string;
  readonly schedule?: string;
}

function JobText({ checked, tenants, name, schedule }: JobTextProps) {
  const { path, anyOf, rules } = checked;
  const permissions = narrowestOf(anyOf, rules[0]?.permissions ?? []);
  const text = queryJobText({ name, path, schedule, permissions, ...tenants });
  return (
    <>
      <p>
        In a clone of the project, this command writes the job, its test, and its place in the list of jobs. The job
        reads all pages of every customer that it is for, with {permissions.join(', ')}, and not under your rules.
      </p>
      <Command text={saveCommand({ path, name, schedule, tenants })} />
      <p class="pair">
        <code>src/jobs/{name}.ts</code>
        <CopyButton text={text} what="text of the job" />
      </p>
      <pre tabIndex={0}>
        <code>{text}</code>
      </pre>
    </>
  );
}

interface Saved extends Pick<JobTextProps, 'name' | 'tenants'> {
  readonly path: string;
  readonly schedule: string | undefined;
}

/** The command for a POSIX shell. */
const saveCommand = ({ path, name, schedule, tenants: { tenants = [], except = [] } }: Saved): string =>
  [
    `ptb query ${quoted(path)} --save ${name}`,
    ...(schedule === undefined ? [] : [`--schedule ${quoted(schedule)}`]),
    ...(tenants.length === 0 ? [] : [`--tenant ${tenants.map(quoted).join(' ')}`]),
    ...(except.length === 0 ? [] : [`--except ${except.map(quoted).join(' ')}`]),
  ].join(' ');

const quoted = (text: string): string =>
  /^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
