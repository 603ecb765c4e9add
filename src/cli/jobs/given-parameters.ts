import { type Command, InvalidArgumentError, Option } from 'commander';
import type { JobsAnswer } from '../../lib/api/answers/jobs.ts';
import { didYouMean } from '../../lib/core/text.ts';
import { readParameterText } from './parameter-text.ts';
import { type ParameterField, parameterFields, type ParameterValue } from '../../lib/core/parameters.ts';
import { jsonObject } from '../options.ts';
import { UsageError } from '../run-program.ts';

export type JobAnswer = JobsAnswer['jobs'][number];

/** The parameters of a job as they were typed: `--parameter NAME=VALUE`, or `--parameters JSON`. */
export interface ParameterFlags {
  readonly parameter?: readonly string[];
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** Adds the options for the parameters of a job. */
export const addParameterOptions = (command: Command): Command =>
  command
    .option(
      '--parameter <name=value>',
      'a parameter of the job, which `ptb jobs show JOB` describes; repeat it for further ones, and for the items of a list',
      (pair: string, earlier: readonly string[] | undefined) => {
        if (!pair.includes('=')) throw new InvalidArgumentError('It must have the form name=value.');
        return [...(earlier ?? []), pair];
      },
    )
    .addOption(
      new Option('--parameters <json>', 'all parameters, as a JSON object')
        .argParser(jsonObject)
        .conflicts('parameter'),
    );

/** @throws UsageError if there is no such job. */
export function jobNamed<T extends { readonly name: string }>(
  { jobs }: { readonly jobs: readonly T[] },
  name: string,
): T {
  const found = jobs.find((job) => job.name === name);
  if (found !== undefined) return found;
  const names = jobs.map((job) => job.name);
  const question = didYouMean(name, names);
  throw new UsageError(`There is no job "${name}"${question === '' ? '.' : question} \`ptb jobs\` lists the jobs.`);
}

/**
 * The parameters to send. The broker checks them in full.
 * @param job looks the job up, which is necessary for `--parameter` only.
 * @throws UsageError for a name that the job does not have, and a value that does not fit.
 */
export async function givenParameters(
  { parameter = [], parameters }: ParameterFlags,
  job: () => Promise<Pick<JobAnswer, 'name' | 'parameters'>>,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (parameter.length === 0) return parameters;
  const { name, fields } = await withFields(job);
  const byName = Map.groupBy(parameter, (pair) => pair.slice(0, pair.indexOf('=')));
  const values = [...byName].map(([given, pairs]): [string, ParameterValue] => {
    const field = fields.find((known) => known.name === given);
    if (field === undefined) throw new UsageError(unknownParameter(name, given, fields));
    const isList = field.kind === 'texts' || field.kind === 'choices';
    if (pairs.length > 1 && !isList) throw new UsageError(`--parameter ${given} was given ${pairs.length} times.`);
    const read = readParameterText(
      field,
      pairs.map((pair) => pair.slice(given.length + 1)),
    );
    if ('problem' in read) throw new UsageError(`--parameter ${given}: it ${read.problem}.`);
    return [given, read.value];
  });
  return Object.fromEntries(values);
}

async function withFields(
  job: Parameters<typeof givenParameters>[1],
): Promise<{ name: string; fields: readonly ParameterField[] }> {
  // A broker of an earlier version does not describe parameters.
  const { name = '', parameters } = (await job()) as Partial<JobAnswer>;
  if (parameters === undefined)
    throw new UsageError('This broker does not describe the parameters of its jobs. Use --parameters JSON.');
  return { name, fields: parameterFields(parameters) };
}

function unknownParameter(job: string, given: string, fields: readonly ParameterField[]): string {
  const names = fields.map(({ name }) => name);
  const question = didYouMean(given, names);
  const known = names.length === 0 ? 'It has none.' : `Its parameters: ${names.join(', ')}.`;
  return `${job} has no parameter "${given}"${question === '' ? '.' : question} ${known}`;
}
