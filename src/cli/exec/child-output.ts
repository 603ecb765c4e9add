import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { visibleJson, visibleText, withoutPipelineCommands } from '../../lib/core/text.ts';
import { privateFile } from '../whole-file.ts';
import { linesOf } from './output-lines.ts';
import { type ExecTenant, labelOf } from './tenant.ts';

/** Takes what the program of one tenant writes. */
export type ConsumeOutput = (chunks: AsyncIterable<Uint8Array>, name: 'stdout' | 'stderr') => Promise<void>;

/** For all programs, because each wait for the reader adds listeners to the stream. */
const drains = new Map<NodeJS.WritableStream, Promise<unknown>>();

/** Writes a line and waits while the reader is slower than the programs. */
async function writeLine(target: NodeJS.WritableStream, line: string): Promise<void> {
  if (target.write(`${line}\n`)) return;
  const drained = drains.get(target) ?? once(target, 'drain').finally(() => drains.delete(target));
  drains.set(target, drained);
  await drained;
}

/** Each line with the tenant before it, to the stream of the same name. */
export function prefixedOutput(tenant: ExecTenant, width: number): ConsumeOutput {
  const prefix = `${visibleText(labelOf(tenant)).padEnd(width)} | `;
  return async (chunks, name) => {
    for await (const line of linesOf(chunks)) await writeLine(process[name], prefix + shown(line, process[name]));
  };
}

/**
 * Has the log of a pipeline hide a token that a program is about to get. The program cannot do that: its lines do not begin
 * with a command. Standard error, because standard output may go into a file. Sources: "Workflow commands for GitHub Actions",
 * "Logging commands" of Azure Pipelines.
 */
export function maskInPipeline(token: string, { GITHUB_ACTIONS, TF_BUILD }: NodeJS.ProcessEnv): void {
  if (GITHUB_ACTIONS === 'true') process.stderr.write(`::add-mask::${token}\n`);
  if (TF_BUILD === 'True') process.stderr.write(`##vso[task.setsecret]${token}\n`);
}

/** On a terminal, a program for one tenant must not write over the lines of another. Nowhere does a line command a pipeline. */
const shown = (line: string, target: NodeJS.WriteStream): string =>
  target.isTTY ? visibleText(line) : withoutPipelineCommands(line);

/** Each line as a document of JSON Lines on standard output. */
export function jsonOutput({ tenantId, defaultDomain }: ExecTenant): ConsumeOutput {
  return async (chunks, name) => {
    for await (const line of linesOf(chunks))
      await writeLine(process.stdout, visibleJson({ tenantId, domain: defaultDomain, stream: name, line }));
  };
}

/** The bytes as they are, in a file of the folder. An earlier attempt is overwritten. */
export const fileOutput =
  (folder: string): ConsumeOutput =>
  async (chunks, name) => {
    const file = join(folder, `${name}.txt`);
    // Not into what is there: others may be able to read it, or it is a link.
    await rm(file, { force: true });
    await pipeline(chunks, createWriteStream(file, { ...privateFile, flags: 'wx' }));
  };
