import { useState } from 'preact/hooks';
import type { CheckedQueryAnswer } from '../../src/lib/api/answers/runs.ts';
import { isJobName, narrowestOf, queryJobText } from '../../src/lib/runs/job/query-job-text.ts';
import { Command, CopyButton } from './copy.tsx';
import { scheduleWords } from './schedule-words.ts';
import type { NamedTenants } from './start-tenants.tsx';
import { TextField } from './text-field.tsx';

interface QueryJobProps {
  readonly checked: CheckedQueryAnswer;
  readonly tenants: NamedTenants;
}

/** A query as a job: the command that writes it into the project, and its text. Jobs are code, so nothing is saved here. */
export function QueryJob({ checked, tenants }: QueryJobProps) {
  const [name, setName] = useState('');
  const [schedule, setSchedule] = useState('');
  const expression = schedule.trim().replaceAll(/\s+/g, ' ');
  return (
    <details class="query-job">
      <summary>Save it as a job</summary>
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
