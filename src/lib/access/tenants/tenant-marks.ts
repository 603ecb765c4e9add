import type { TenantGroups } from './tenant-groups.ts';
import { choiceOf, chooses, createSetCompiler } from './tenant-set.ts';
import { toBrokerError } from '../../core/errors.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import { type KnowledgeDeps, knowTenants } from './chosen-tenants.ts';
import { tagsOf } from '../../tenants/tenant-tags.ts';

/** The tags and groups of tenants, for people to see. */
export interface TenantMarks {
  /** Both are absent if they could not be read: none is not the same as unknown. */
  of(tenantId: TenantId): { readonly tags?: readonly string[]; readonly groups?: readonly string[] };
  /** What could not be read, in sentences. */
  readonly warnings: readonly string[];
}

/** Reads tags and works out groups. Never throws: a list of tenants is useful without them. */
export async function readMarks(
  deps: KnowledgeDeps & { readonly log: Logger },
  groups: TenantGroups,
): Promise<TenantMarks> {
  const compile = createSetCompiler(groups);
  const none = compile([]);
  const choices = [...groups.keys()].map((group) => ({
    group,
    choice: choiceOf(compile([{ kind: 'group', group }]), none),
  }));
  const warnings: string[] = [];
  const read = async <T>(what: string, reading: Promise<T>): Promise<T | undefined> => {
    try {
      return await reading;
    } catch (thrown) {
      deps.log.log('warn', 'tenants.marks_failed', errorFields(thrown));
      warnings.push(`The ${what} of the tenants are not known now (${toBrokerError(thrown).code}).`);
      return undefined;
    }
  };
  const [list, known] = await Promise.all([
    read('tags', deps.tenantTags.current()),
    read(
      'groups',
      knowTenants(
        deps,
        choices.map(({ choice }) => choice),
      ),
    ),
  ]);
  return {
    of: (tenantId) => {
      const tags = list && tagsOf(list, tenantId);
      const facts = known?.factsOf(tenantId);
      return {
        ...(tags === undefined ? {} : { tags }),
        ...(facts === undefined
          ? {}
          : { groups: choices.filter(({ choice }) => chooses(choice, facts)).map(({ group }) => group) }),
      };
    },
    warnings,
  };
}
