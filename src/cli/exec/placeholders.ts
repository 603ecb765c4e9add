import { domainOf, type ExecTenant } from './tenant.ts';

/** The placeholders of an argument, and what each stands for. */
const valueOf: Readonly<Record<string, (tenant: ExecTenant) => string>> = {
  '{tenantId}': ({ tenantId }) => tenantId,
  '{domain}': domainOf,
  '{name}': ({ name }) => name,
};

const placeholder = /\{(?:tenantId|domain|name)\}/g;

/** An argument would start with a customer's hyphen, so the program would read it as an option. */
export class OptionLikeNameError extends Error {
  override readonly name = 'OptionLikeNameError';
}

/**
 * The arguments of a program for one tenant.
 * @throws OptionLikeNameError if the name of the tenant would make an argument an option. Customers choose their names.
 */
export const argumentsFor = (args: readonly string[], tenant: ExecTenant): string[] =>
  args.map((arg) => {
    const filled = arg.replaceAll(placeholder, (found) => valueOf[found]?.(tenant) ?? found);
    if (filled.startsWith('-') && !arg.startsWith('-'))
      throw new OptionLikeNameError(
        `The name of the tenant ${tenant.tenantId} starts with a hyphen, so ${arg} would become an option. Read PTB_TENANT_NAME instead.`,
      );
    return filled;
  });
