import { cmdletRefusal, type RequestLimit } from '../callers/request-limit.ts';
import { readBody } from '../judge/reading/body.ts';
import { notPermitted, unreadable } from '../judge/refusal.ts';
import type { TenantId } from '../model/identifiers.ts';

/** `POST /adminapi/beta/TENANT/InvokeCommand` of Exchange Online: the cmdlet is in the body. */
const invokeCommand = 'invokecommand';
const cmdletName = /^[A-Za-z]+-[A-Za-z0-9]+$/;
const parameterName = /^[A-Za-z][A-Za-z0-9]*$/;

/** Whether a path runs a cmdlet, however it is written. */
export const runsCmdlet = (segments: readonly string[]): boolean =>
  segments.some((segment) => segment.toLowerCase().startsWith(invokeCommand));

/** How a request names its tenant, and the tenant that it was found to be. */
interface RequestedTenant {
  readonly asked: string;
  readonly tenantId: TenantId;
}

/**
 * The segments to send: the tenant by its id. The service reads the tenant in the path, so it must be that of the request.
 * @throws Refusal for another tenant, method or form of the path.
 */
export function cmdletPath(method: string, segments: readonly string[], tenant: RequestedTenant): readonly string[] {
  const [root = '', version = '', named = '', command = '', ...rest] = segments;
  const isKnown = root.toLowerCase() === 'adminapi' && /^(?:beta|v\d+\.\d+)$/i.test(version) && rest.length === 0;
  if (!isKnown || command.toLowerCase() !== invokeCommand || method !== 'POST') {
    throw unreadable('A cmdlet is not sent as POST /adminapi/beta/TENANT/InvokeCommand; send it so.');
  }
  const asked = named.toLowerCase();
  if (asked !== tenant.tenantId && asked !== tenant.asked.toLowerCase()) {
    throw notPermitted('The path names another tenant than the request; name the same tenant in both places.');
  }
  return ['adminapi', version.toLowerCase(), tenant.tenantId, 'InvokeCommand'];
}

/**
 * Judges the body of InvokeCommand.
 * @returns the name of the cmdlet.
 * @throws Refusal for a cmdlet or parameter that the rule does not list, and for a body of another form.
 */
export function judgeCmdlet(limit: RequestLimit, body: string): string {
  const { CmdletInput: input, ...others } = readBody(body);
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
  const refusal = cmdletRefusal(limit, cmdlet, names);
  if (refusal !== undefined) throw notPermitted(refusal);
  return cmdlet;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
