/** The JSON text of a value, or undefined for null and undefined. */
export const jsonText = (value: unknown): string | undefined =>
  value === undefined || value === null ? undefined : JSON.stringify(value);
