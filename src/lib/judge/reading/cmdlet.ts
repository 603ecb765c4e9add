import { isObject } from '../../core/objects.ts';
import { notPermitted, unreadable } from '../verdict.ts';
import { readBody } from './body.ts';

const cmdletName = /^[A-Za-z]+-[A-Za-z0-9]+$/;
const parameterName = /^[A-Za-z][A-Za-z0-9]*$/;

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

/** The delegated permission that opens cmdlets ("Authentication and authorization for the Exchange Online Admin API"). */
const cmdletPermission = 'Exchange.Manage';

/**
 * Cmdlets that only read although their verb is not Get, in lower case. A verb proves nothing: Search-Mailbox deletes what it
 * finds, and Test-MigrationServerAvailability sends a password to any address.
 */
const readingCmdlets: ReadonlySet<string> = new Set([
  'search-adminauditlog',
  'search-mailboxauditlog',
  'search-messagetrackingreport',
  'search-unifiedauditlog',
  'test-applicationaccesspolicy',
  'test-serviceprincipalauthorization',
]);

/** Judges the body of InvokeCommand for who may only read. @throws Refusal */
export function judgeReadingCmdlet(permissions: readonly string[], body: string): void {
  const { name } = readCmdlet(body);
  if (!permissions.includes(cmdletPermission))
    throw notPermitted(`None of the rule's permissions opens cmdlets; add ${cmdletPermission}.`);
  if (/^get-/i.test(name) || readingCmdlets.has(name.toLowerCase())) return;
  throw notPermitted(`The cmdlet ${name} may change something; use one that only reads.`);
}
