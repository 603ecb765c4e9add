import type { HttpRequest } from '@azure/functions';
import { silentLogger } from '../../src/lib/core/log.ts';
import { guid, tenant } from './audit-entries.ts';

/** A request of an application that may read the audit log, as a route gets it. */
export const auditCall = (request: HttpRequest, applicationId = guid(1)) =>
  ({
    request,
    caller: {
      applicationId,
      objectId: guid(2),
      kind: 'application',
      roles: ['Audit.Read'],
      tenantId: tenant(9),
      name: 'x',
    },
    correlationId: guid(3),
    log: silentLogger,
  }) as const;
