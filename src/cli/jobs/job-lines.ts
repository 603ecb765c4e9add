import { requestedText } from '../../lib/core/text.ts';
import { parameterFields, parameterWords, type ParameterField } from '../../lib/core/parameters.ts';
import { counted } from '../counted.ts';
import type { Line } from '../line.ts';
import { table } from '../table.ts';
import { exactTime } from '../times.ts';
import type { JobAnswer } from './given-parameters.ts';

/** Describes a job for people: what it does, when it runs, and what it can be given. */
export function jobLines(job: JobAnswer): Line[] {
  const { name, description, schedule, nextAt, resources, permissions = [], tenants, except } = job;
  // A broker of an earlier version does not describe parameters.
  const { parameters } = job as Partial<JobAnswer>;
  const fields = parameters === undefined ? undefined : parameterFields(parameters);
  const next = nextAt === undefined ? '' : `, next at ${exactTime(nextAt)}`;
  return [
    `${name}: ${job.title}`,
    ...(description === undefined ? [] : [description]),
    '',
    `Topic: ${job.topic ?? 'other'}`,
    `Schedule: ${schedule === undefined ? 'on demand' : `${schedule} (UTC)${next}`}`,
    ...(tenants === undefined && except === undefined ? [] : [`Tenants: ${requestedText({ tenants, except })}`]),
    `Resources: ${resources.length === 0 ? 'none' : resources.join(', ')}`,
    `Permissions: ${permissions.length === 0 ? 'none' : permissions.join(', ')}`,
    `Time limit: ${counted(job.timeoutSeconds, 'second')} for each tenant`,
    '',
    ...(fields === undefined
      ? ['This broker does not describe the parameters of its jobs.']
      : fields.length === 0
        ? ['The job has no parameters.']
        : table([{ head: 'parameter', min: 12 }, 'value', 'default', 'meaning'], fields.map(fieldRow))),
    ...startLines(job, fields?.[0]),
  ];
}

function startLines({ name, changes }: JobAnswer, first: ParameterField | undefined): string[] {
  const given = first === undefined ? '' : ` --parameter ${example(first)}`;
  if (changes === true) return ['', `It changes tenants. Plan it with: ptb plan ${name}${given}`];
  return first === undefined ? [] : ['', `Start it with: ptb run ${name}${given}`];
}

function fieldRow(field: ParameterField): string[] {
  const { name, required, schema } = field;
  const meaning = schema.description ?? schema.title ?? '';
  return [name, parameterWords(field), required ? 'required' : defaultText(schema.default), meaning];
}

const defaultText = (value: ParameterField['schema']['default']): string =>
  value === undefined ? '' : typeof value === 'object' ? value.join(', ') : String(value);

function example({ name, kind, choices, schema }: ParameterField): string {
  const value = typeof schema.default === 'object' ? schema.default[0] : schema.default;
  const [choice = 'VALUE'] = choices;
  return `${name}=${String(value ?? (kind === 'boolean' ? 'true' : choice))}`;
}
