import { BrokerError } from '../model/errors.ts';
import type { ParameterValues } from '../model/parameters.ts';
import type { RunRequest } from './run.ts';
import { parameterValuesSchema } from './run-schemas.ts';

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
export function readParametersText(text: string | undefined): ParameterValues | undefined {
  try {
    return parameterValuesSchema.safeParse(JSON.parse(text ?? '')).data;
  } catch {
    return undefined;
  }
}
