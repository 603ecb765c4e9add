import { cmdletRefusal, type RequestLimit } from '../../access/policy/request-limit.ts';
import { readBody } from '../../judge/reading/body.ts';
import { isJson } from '../../judge/reading/headers.ts';
import { notPermitted, quoted, unreadable } from '../../judge/refusal.ts';
import { optionNames } from './plain-url.ts';

/** `POST /adminapi/beta/TENANT/InvokeCommand` of Exchange Online: the cmdlet is in the body. */
const invokeCommand = 'invokecommand';
const cmdletName = /^[A-Za-z]+-[A-Za-z0-9]+$/;
const parameterName = /^[A-Za-z][A-Za-z0-9]*$/;

/** Whether a path runs a cmdlet, however it is written. */
export const runsCmdlet = (segments: readonly string[]): boolean =>
  segments.some((segment) => segment.toLowerCase().includes(invokeCommand));

/** Options that shape the answer of a cmdlet. Another one might name a cmdlet. */
const answerOptions = new Set(['$select', '$top', '$skip', '$skiptoken', '$count']);

/**
 * Checks everything of InvokeCommand but its body.
 * @param segments With the tenant by its id (`adminSegments`).
 * @returns the segments to send.
 * @throws Refusal for another method, path, query option or media type.
 */
export function checkInvokeCommand(
  method: string,
  segments: readonly string[],
  query: string,
  contentType: string | undefined,
): readonly string[] {
  const [root, version = '', tenant = '', command = '', ...rest] = segments;
  if (root !== 'adminapi' || command.toLowerCase() !== invokeCommand || rest.length > 0 || method !== 'POST') {
    throw unreadable('A cmdlet is not sent as POST /adminapi/beta/TENANT/InvokeCommand; send it so.');
  }
  const option = optionNames(query).find((name) => !answerOptions.has(name.toLowerCase()));
  if (option !== undefined) {
    throw unreadable(`InvokeCommand has the query option ${quoted(option)}; send the cmdlet in the body alone.`);
  }
  if (!isJson(contentType)) throw unreadable('The cmdlet is not JSON; send Content-Type application/json.');
  return [root, version, tenant, 'InvokeCommand'];
}

/** A cmdlet that a request runs. */
export interface CmdletCall {
  readonly name: string;
  /** Names. */
  readonly parameters: readonly string[];
}

/** Reads the body of InvokeCommand. @throws Refusal for a body of another form. */
export function readCmdlet(body: string): CmdletCall {
  const { CmdletInput: input, ...others } = readBody(body).value;
  if (!isObject(input) || Object.keys(others).length > 0) {
    throw unreadable(
      'The body is not {"CmdletInput": {"CmdletName": …, "Parameters": {…}}}; send that and nothing else.',
    );
  }
  const { CmdletName: cmdlet, Parameters: parameters = {}, ...further } = input;
  if (
    typeof cmdlet !== 'string' ||
    !cmdletName.test(cmdlet) ||
    !isObject(parameters) ||
    Object.keys(further).length > 0
  ) {
    throw unreadable('CmdletInput is not {"CmdletName": "Verb-Noun", "Parameters": {…}}; send that and nothing else.');
  }
  const names = Object.keys(parameters);
  if (!names.every((name) => parameterName.test(name)))
    throw unreadable('A parameter of the cmdlet has a name that parameters do not have; correct it.');
  return { name: cmdlet, parameters: names };
}

/** @returns the name of the cmdlet. @throws Refusal for a cmdlet or parameter that the rule does not list. */
export function judgeCmdlet(limit: RequestLimit, { name, parameters }: CmdletCall): string {
  const refusal = cmdletRefusal(limit, name, parameters);
  if (refusal !== undefined) throw notPermitted(refusal);
  return name;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
