import { bearerOf, type CloudRequest, formOf, type Reply, type Service } from './web/http.ts';

/** Who sent a request, as its token says. Unverified, which is enough for the ledger. */
export interface CallerFacts {
  /** User principal name. Absent for an application without a user. */
  readonly account?: string;
  /** Client id of the application. */
  readonly application?: string;
}

/** A token request is described by the token that it yields, and without one by its client id. */
export function callerFacts(service: Service, request: CloudRequest, reply: Reply | undefined): CallerFacts {
  const token = bearerOf(request);
  if (token !== undefined) return factsIn(token);
  if (service.name !== 'entra') return {};
  const issued = /"access_token":"([^"]+)"/.exec(reply?.body ?? '')?.[1];
  if (issued !== undefined) return factsIn(issued);
  const application = request.query.get('client_id') ?? formOf(request).get('client_id');
  return application === null || !guid.test(application) ? {} : { application };
}

const guid = /^[0-9a-f-]{36}$/i;

function factsIn(token: string): CallerFacts {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8');
  const account = /"(?:upn|preferred_username)":"([^"\\]{1,200})"/.exec(payload)?.[1];
  const application = /"(?:appid|azp)":"([0-9a-f-]{36})"/.exec(payload)?.[1];
  return { ...(account === undefined ? {} : { account }), ...(application === undefined ? {} : { application }) };
}
