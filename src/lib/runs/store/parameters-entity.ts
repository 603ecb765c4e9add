import type { AskedTenants } from '../../access/tenants/asked.ts';
import { BrokerError } from '../../core/errors.ts';
import { parameterValuesSchema } from '../../core/parameter-values-schema.ts';
import type { ParameterValues } from '../../core/parameters.ts';
import type { RunRequest } from './run.ts';
import { askedTenantsSchema } from '../engine/run-schemas.ts';

/** A property holds at most 32,768 characters. */
const maxLength = 30_000;

/** The parameters apart from the request, which may name thousands of tenants. Absent if the run has none. */
export function parametersProperties(parameters: RunRequest['parameters']): Record<string, string> {
  const text = JSON.stringify(parameters);
  if (text.length > maxLength)
    throw new BrokerError('request_invalid', `The parameters take more than ${maxLength} characters.`);
  return text === '{}' ? {} : { parameters: text };
}

/** @returns undefined for a run without parameters, and one of an earlier version. */
export const readParametersText = (text: string | undefined): ParameterValues | undefined =>
  parameterValuesSchema.safeParse(jsonOf(text)).data;

/** What was asked for, to be shown. Absent if it does not fit, because nothing is decided by it. */
export function askedProperties(asked: AskedTenants | undefined): Record<string, string> {
  const text = asked === undefined ? '' : JSON.stringify(asked);
  return text === '' || text.length > maxLength ? {} : { asked: text };
}

export const readAskedText = (text: string | undefined): AskedTenants | undefined =>
  askedTenantsSchema.safeParse(jsonOf(text)).data;

function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
