/**
 * Navigations of directory objects, in lower case. Where the permission map does not list one below a path, a query or
 * body that names it is refused; other unknown names are properties.
 */
export const navigationNames: ReadonlySet<string> = new Set(
  (
    'mailboxsettings insights presence employeeexperience members transitivemembers memberof transitivememberof owners ownedobjects createdobjects registeredowners registeredusers ' +
    'owneddevices registereddevices manager directreports transitivereports acceptedsenders rejectedsenders sponsors ' +
    'approleassignments approleassignedto oauth2permissiongrants scopedrolememberof scopedmembers licensedetails messages ' +
    'mailfolders calendars calendar events calendarview contacts contactfolders drive drives onenote planner photo photos ' +
    'authentication extensions joinedteams chats teamwork todo memberswithlicenseerrors delegatedpermissionclassifications ' +
    'federatedidentitycredentials claimsmappingpolicies homerealmdiscoverypolicies tokenlifetimepolicies tokenissuancepolicies'
  ).split(' '),
);

/**
 * Complex and collection properties, in lower case: the only names that a query may use with a slash, `any` or `$count`
 * although they are no navigation of the path.
 */
export const complexProperties: ReadonlySet<string> = new Set(
  (
    'identities assignedlicenses assignedplans provisionedplans proxyaddresses businessphones othermails imaddresses interests ' +
    'onpremisesextensionattributes employeeorgdata signinactivity grouptypes infocatalogs resourceprovisioningoptions ' +
    'creationoptions resourcebehavioroptions physicalids alternativesecurityids extensionattributes hostnames tags ' +
    'serviceprincipalnames replyurls keycredentials passwordcredentials identifieruris api web spa publicclient ' +
    'verifiedpublisher optionalclaims requiredresourceaccess alternativenames addins info approles oauth2permissionscopes ' +
    'status location devicedetail initiatedby targetresources modifiedproperties additionaldetails appliedconditionalaccesspolicies ' +
    'userstates hoststates vendorinformation evidence conditions grantcontrols sessioncontrols prepaidunits serviceplans ' +
    'from sender torecipients ccrecipients bccrecipients replyto body start end organizer attendees flag emailaddresses ' +
    'createdby lastmodifiedby parentreference file folder fields methodsregistered systempreferredauthenticationmethods ' +
    'scheduleinfo principalscope accessdetails customer detail details licenseassignmentstates verifieddomains ' +
    'assignmentfiltertype target deviceactionresults configurationmanagerclientenabledfeatures userexperienceanalytics'
  ).split(' '),
);

/** Properties of schema and directory extensions. */
export const extensionProperty = /^ext(?:[a-z0-9]{8}_\w+|ension_[0-9a-f]{32}_\w+)$/i;
