/** Quotes an OData string literal: quotes inside are doubled. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
