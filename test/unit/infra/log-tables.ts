/**
 * Columns of the tables that the alert rules read, without the description. Source: "Azure Monitor Logs reference"
 * (Microsoft Learn), one page per table.
 */
export const logTables: Readonly<Record<string, string>> = {
  AppTraces: applicationInsightsColumns('Message: string, SeverityLevel: int'),
  AppRequests: applicationInsightsColumns(
    'DurationMs: real, Id: string, Name: string, PerformanceBucket: string, ResultCode: string, Source: string, Success: bool, Url: string',
  ),
  AZKVAuditLogs: `AddressAuthorizationType: string, Algorithm: string, AppliedAssignmentId: string, _BilledSize: real,
    CallerIpAddress: string, CertificateIssuerProperties: dynamic, CertificatePolicyProperties: dynamic,
    CertificateProperties: dynamic, CertificateRequestProperties: dynamic, ClientInfo: string, CorrelationId: string,
    DurationMs: int, EnabledForDeployment: bool, EnabledForDiskEncryption: bool, EnabledForTemplateDeployment: bool,
    EnablePurgeProtection: bool, EnableRbacAuthorization: bool, EnableSoftDelete: bool, HsmPoolResourceId: string,
    HttpStatusCode: int, Id: string, Identity: dynamic, IsAccessPolicyMatch: bool, IsAddressAuthorized: bool,
    _IsBillable: string, IsRbacAuthorized: bool, KeyProperties: dynamic, NetworkAcls: dynamic, Nsp: dynamic,
    OperationName: string, OperationVersion: string, Properties: dynamic, RequestUri: string, _ResourceId: string,
    ResultDescription: string, ResultSignature: string, ResultType: string, SecretProperties: dynamic, Sku: dynamic,
    SoftDeleteRetentionInDays: int, SourceSystem: string, StorageAccountProperties: dynamic,
    StorageSasDefinitionProperties: dynamic, SubnetId: string, _SubscriptionId: string, TenantId: string,
    TimeGenerated: datetime, Tlsversion: string, TrustedService: string, Type: string, VaultProperties: dynamic`,
  StorageTableLogs: storageColumns([]),
  StorageBlobLogs: storageColumns([
    'AccessTier',
    'DestinationUri',
    'RehydratePriority',
    'SourceAccessTier',
    'SourceUri',
  ]),
};

function applicationInsightsColumns(more: string): string {
  return `AppRoleInstance: string, AppRoleName: string, AppVersion: string, _BilledSize: real, ClientBrowser: string,
    ClientCity: string, ClientCountryOrRegion: string, ClientIP: string, ClientModel: string, ClientOS: string,
    ClientStateOrProvince: string, ClientType: string, IKey: string, _IsBillable: string, ItemCount: int,
    Measurements: dynamic, OperationId: string, OperationName: string, ParentId: string, Properties: dynamic,
    ReferencedItemId: string, ReferencedType: string, ResourceGUID: string, _ResourceId: string, SDKVersion: string,
    SessionId: string, SourceSystem: string, _SubscriptionId: string, SyntheticSource: string, TenantId: string,
    TimeGenerated: datetime, Type: string, UserAccountId: string, UserAuthenticatedId: string, UserId: string, ${more}`;
}

function storageColumns(more: readonly string[]): string {
  return `AccountName: string, AuthenticationHash: string, AuthenticationType: string, AuthorizationDetails: dynamic,
    _BilledSize: real, CallerIpAddress: string, Category: string, ClientRequestId: string, ConditionsUsed: string,
    ContentLengthHeader: long, CorrelationId: string, DurationMs: real, Etag: string, _IsBillable: string,
    LastModifiedTime: datetime, Location: string, MetricResponseType: string, ObjectKey: string, OperationCount: int,
    OperationName: string, OperationVersion: string, Protocol: string, ReferrerHeader: string, RequestBodySize: long,
    RequesterAppId: string, RequesterAudience: string, RequesterObjectId: string, RequesterTenantId: string,
    RequesterTokenIssuer: string, RequesterUpn: string, RequestHeaderSize: long, RequestMd5: string,
    _ResourceId: string, ResponseBodySize: long, ResponseHeaderSize: long, ResponseMd5: string,
    SasExpiryStatus: string, SchemaVersion: string, ServerLatencyMs: real, ServiceType: string, SourceSystem: string,
    StatusCode: string, StatusText: string, _SubscriptionId: string, TenantId: string, TimeGenerated: datetime,
    TlsVersion: string, Type: string, Uri: string, UserAgentHeader: string${more.map((name) => `, ${name}: string`).join('')}`;
}
