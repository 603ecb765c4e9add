import { jsonObjectOf } from '../web/http.ts';
import { PartnerCenterError } from './partner-center-error.ts';

/** A consent for one resource. */
export interface ConsentBody {
  readonly applicationId: string;
  readonly displayName: string;
  readonly enterpriseApplicationId: string;
  readonly scopes: readonly string[];
}

const invalid = (description: string): PartnerCenterError => new PartnerCenterError(400, 2000, description);

/** Partner Center reads property names without regard to case: published scripts send `ApplicationId`. */
function lowerCaseNames(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([name, content]) => [name.toLowerCase(), content]));
}

/**
 * Reads the body of a consent. Scopes are separated by commas, with or without a blank.
 * @throws PartnerCenterError 400 for a missing property, and for grants for more than one resource.
 */
export function parseConsentBody(text: string): ConsentBody {
  const { applicationid, applicationgrants, displayname } = lowerCaseNames(jsonObjectOf(text));
  if (typeof applicationid !== 'string' || !Array.isArray(applicationgrants) || applicationgrants.length === 0)
    throw invalid('applicationId and applicationGrants are required.');
  if (applicationgrants.length > 1) throw invalid('applicationGrants must contain one enterprise application.');
  if (typeof displayname !== 'string' || displayname === '') throw invalid('displayName is required.');
  const { enterpriseapplicationid, scope } = lowerCaseNames(applicationgrants[0]);
  if (typeof enterpriseapplicationid !== 'string' || typeof scope !== 'string')
    throw invalid('enterpriseApplicationId and scope are required in the grant.');
  const scopes = scope
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
  if (scopes.length === 0) throw invalid('The grant contains no scope.');
  return {
    applicationId: applicationid.toLowerCase(),
    displayName: displayname,
    enterpriseApplicationId: enterpriseapplicationid,
    scopes,
  };
}
