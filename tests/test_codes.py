"""Every code that a vendor's own page lists, with its HTTP status and in the vendor's envelope, comes out as its class.

The words say nothing on purpose: what is read here is the code alone. Where a page puts a code elsewhere than we do, the line says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmswitch.failure import Kind, classify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MESSAGE = "no words"


def coded(code: str) -> Any:
    return {"error": {"code": code, "message": MESSAGE, "param": None, "type": code}}


def untyped(code: str) -> Any:
    return {"error": {"code": code, "message": MESSAGE}}


def typed(code: str) -> Any:
    return {"error": {"message": MESSAGE, "type": code}}


def native(code: str) -> Any:
    return {"code": code, "message": MESSAGE, "request_id": "r"}


def wrapped(code: str) -> Any:
    return {"type": "error", "error": {"type": code, "message": MESSAGE}, "request_id": "r"}


def detailed(code: str) -> Any:
    error = {"type": "invalid_request_error", "message": MESSAGE, "details": {"error_code": code}}
    return {"type": "error", "error": error, "request_id": "r"}


def google(code: str) -> Any:
    status, _, reason = code.partition("/")
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
    return [{"error": {"message": MESSAGE, "status": status, "details": details}}]


def numbered(code: str) -> Any:
    return {"error_code": int(code), "error_msg": MESSAGE, "id": "as-1"}


def based(code: str) -> Any:
    return {"choices": None, "base_resp": {"status_code": int(code), "status_msg": MESSAGE}}


def spark(code: str) -> Any:
    return {"code": int(code), "message": MESSAGE, "sid": "cha"}


def tencent(code: str) -> Any:
    return {"Response": {"Error": {"Code": code, "Message": MESSAGE}, "RequestId": "r"}}


def grpc(code: str) -> Any:
    return {"error": {"code": int(code), "message": MESSAGE, "details": []}}


# Provider and envelope, then its codes by status and class.
TABLES = """
# https://developers.openai.com/api/docs/guides/error-codes
openai coded
403 region_blocked: unsupported_country_region_territory request_forbidden
401 permission: account_deactivated
401 auth: invalid_api_key
429 quota_exhausted: insufficient_quota billing_not_active credit_balance_exhausted
429 quota_exhausted: organization_spend_limit_exceeded project_spend_limit_exceeded
429 quota_exhausted: organization_usage_limit_exceeded
400 quota_exhausted: billing_hard_limit_reached
429 rate_limited: rate_limit_exceeded
404 model_not_found: model_not_found
400 context_length: context_length_exceeded
400 content_filter: content_policy_violation content_filter
400 bad_request: invalid_request_error unsupported_parameter unsupported_value
503 overloaded: server_is_overloaded slow_down
500 server_error: server_error

# https://help.aliyun.com/zh/dashscope/return-status-code-description
qwen native
401 auth: InvalidApiKey
403 permission: AccessDenied AccessDenied.Unpurchased Model.AccessDenied Workspace.AccessDenied
404 model_not_found: ModelNotFound Model.NotExist NotFound
400 model_not_found: Model.NotExist
429 rate_limited: Throttling Throttling.RateQuota Throttling.BurstRate Throttling.AllocationQuota
403 quota_exhausted: AllocationQuota.FreeTierOnly
400 quota_exhausted: Arrearage
400 content_filter: DataInspectionFailed InvalidParameter.DataInspection
400 bad_request: InvalidParameter BadRequest.EmptyInput InvalidURL UnsupportedOperation
413 bad_request: BadRequest.TooLarge
408 timeout: RequestTimeOut
504 timeout: GatewayTimeout
500 server_error: InternalError InternalError.Algo ModelServiceFailed
500 timeout: InternalError.Timeout  # the page has it among the server's: it says what happened
503 overloaded: ServiceUnavailable ModelUnavailable

# https://help.aliyun.com/en/model-studio/error-code-start
qwen coded
401 auth: invalid_api_key
403 permission: access_denied
404 model_not_found: model_not_found
429 rate_limited: limit_requests limit_burst_rate insufficient_quota
403 quota_exhausted: AllocationQuota.FreeTierOnly
400 quota_exhausted: Arrearage
400 content_filter: data_inspection_failed
400 bad_request: invalid_parameter_error
500 server_error: internal_error

# https://cloud.baidu.com/doc/qianfan-api/s/Om9b4yj3w (V2)
ernie untyped
401 auth: invalid_iam_token invalid_appid
401 model_not_found: invalid_model
401 permission: no_parameter_permission
403 model_not_found: model_offline
403 quota_exhausted: account_overdue
403 content_filter: system_unsafe user_setting_unsafe functions_unsafe
400 content_filter: image_url_unsafe
400 bad_request: malformed_json invalid_model invalid_messages invalid_argument
400 bad_request: invalid_plugin_argument invalid_image_url
405 bad_request: method_not_supported
400 context_length: tokens_too_long characters_too_long
429 rate_limited: rpm_rate_limit_exceeded tpm_rate_limit_exceeded input_tpm_rate_limit_exceeded
429 rate_limited: output_tpm_rate_limit_exceeded user_rate_limit_exceeded cluster_rpm_rate_limit_exceeded
429 rate_limited: preemptible_rate_limit_exceeded Offline_batch_reasoning_refused
500 server_error: internal_error dispatch_internal_error
429 quota_exhausted: BILLING_INSUFFICIENT_BALANCE QUOTA_USER_DAILY_FREE
429 rate_limited: coding_plan_rate_limit_exceeded coding_plan_cluster_rate_limited
403 quota_exhausted: coding_plan_subscription_expired

# https://ai.baidu.com/ai-doc/WENXINWORKSHOP/tlmyncueh (V1)
ernie numbered
200 auth: 13 14 15 100 110 111
200 permission: 6 336004  # 6: "No permission to access data", for a key that is known
200 rate_limited: 4 18 336501 336502
200 quota_exhausted: 17 19
200 bad_request: 3 336001 336002 336003 336006 336104 336105
200 context_length: 336007 336103
200 overloaded: 2 336100
200 server_error: 1 336000

# https://docs.bigmodel.cn/cn/api/api-code and https://docs.z.ai/api-reference/api-code
zhipu untyped
401 auth: 1000 1001 1002 1003 1004 401
401 auth: 1111  # an account error there, "does not exist": no account has the key
429 permission: 1110 1112 1120 1121
429 quota_exhausted: 1113
403 permission: 1220 1311
429 permission: 1309
400 model_not_found: 1211 1212 1221 1222
400 bad_request: 1210 1213 1214 1215 1230 1231 435
400 context_length: 1261
400 content_filter: 1300 1301
429 rate_limited: 1302 1303 1313
429 quota_exhausted: 1304 1308 1310 1316
429 overloaded: 1305 1312  # 1305: that the model gets too many requests, not this caller
434 permission: 434
500 server_error: 500 1200 1234

# https://platform.sensenova.cn/docs (the token platform)
sensenova typed
400 bad_request: invalid_request_error
401 auth: authentication_error
404 model_not_found: not_found_error

# https://www.sensecore.cn/help (ErrorCode)
sensenova grpc
408 timeout: 1
500 server_error: 2 13 15
400 bad_request: 3 9 11
504 timeout: 4
404 model_not_found: 5
409 server_error: 6 10
403 permission: 7
429 rate_limited: 8
501 bad_request: 12
503 overloaded: 14
401 auth: 16
400 content_filter: 17 18

# https://cloud.tencent.com/document/product/1823/131595 (TokenHub)
hunyuan coded
401 auth: 401001 401002 401003 401004
402 quota_exhausted: 401007 401008
403 permission: 403001 403002 403003 403005
403 quota_exhausted: 403004
400 bad_request: 400001 400002 400005 400006
400 context_length: 400003
404 model_not_found: 400004 20031
451 content_filter: 451001
429 rate_limited: 429001 429002 429003 429005
429 overloaded: 429006
500 server_error: 500001
503 overloaded: 503001
504 timeout: 504001

# https://cloud.tencent.com/document/product/1729 (the old platform, always HTTP 200)
hunyuan tencent
200 auth: AuthFailure.SecretIdNotFound AuthFailure.SignatureFailure
200 permission: UnauthorizedOperation FailedOperation.UserUnAuthError
200 model_not_found: InvalidParameterValue.Model
200 rate_limited: LimitExceeded RequestLimitExceeded
200 quota_exhausted: FailedOperation.ResourcePackExhausted FailedOperation.FreeResourcePackExhausted
200 quota_exhausted: ResourceInsufficient.ChargeResourceExhaust
200 timeout: FailedOperation.EngineRequestTimeout
200 server_error: FailedOperation.EngineServerError

# https://platform.kimi.ai/docs/api/errors
moonshot typed
400 content_filter: content_filter
400 bad_request: invalid_request_error
401 auth: invalid_authentication_error incorrect_api_key_error
403 permission: permission_denied_error
404 model_not_found: resource_not_found_error
429 quota_exhausted: exceeded_current_quota_error
429 rate_limited: rate_limit_reached_error
429 overloaded: engine_overloaded_error
499 timeout: client_closed_request
500 server_error: server_error unexpected_output

# https://platform.minimax.io/docs/api-reference/errorcode
minimax based
200 auth: 1004 2049
200 rate_limited: 1002 1039 1041 2045
200 quota_exhausted: 1008 2056
500 quota_exhausted: 1008
200 timeout: 1001
200 server_error: 1000 1013 1024 1033
200 content_filter: 1026 1027
200 bad_request: 2013 1042

# https://www.volcengine.com/docs/82379/1299023
doubao coded
401 auth: AuthenticationError
403 quota_exhausted: AccountOverdueError
403 permission: AccessDenied OperationDenied.ServiceNotOpen OperationDenied.PermissionDenied
404 model_not_found: InvalidEndpointOrModel.NotFound UnsupportedModel
404 permission: ModelNotOpen InvalidEndpointOrModel.ModelIDAccessDisabled  # it is there, to be switched on
400 bad_request: MissingParameter InvalidParameter
400 model_not_found: InvalidEndpoint.ClosedEndpoint  # of an endpoint that serves a model: another model may answer
400 content_filter: SensitiveContentDetected SensitiveContentDetected.SevereViolation
400 content_filter: SensitiveContentDetected.Violence InputTextSensitiveContentDetected
400 content_filter: InputImageSensitiveContentDetected InputVideoSensitiveContentDetected
400 content_filter: OutputTextSensitiveContentDetected OutputImageSensitiveContentDetected
400 content_filter: OutputVideoSensitiveContentDetected
429 rate_limited: RateLimitExceeded.EndpointRPMExceeded RateLimitExceeded.EndpointTPMExceeded
429 rate_limited: ModelAccountRpmRateLimitExceeded ModelAccountTpmRateLimitExceeded
429 overloaded: ServerOverloaded
429 quota_exhausted: QuotaExceeded SetLimitExceeded
500 server_error: InternalServiceError

# https://platform.stepfun.com/docs/zh/api-reference/error-codes
stepfun typed
401 auth: invalid_api_key
402 quota_exhausted: insufficient_balance
429 rate_limited: rate_limit
451 content_filter: censorship_blocked some_other_word
503 overloaded: overloaded

# https://www.xfyun.cn/doc/spark/X1http.html, and the vendor's table of codes as in langchain4j-spark
spark spark
200 permission: 11200  # no right to this version: the key itself is accepted
401 auth: 10005
200 auth: 10313
200 quota_exhausted: 11201
200 rate_limited: 11202 11203 10007
200 overloaded: 10008 10010
200 content_filter: 10013 10014 10019
200 bad_request: 10003 10004 10005 10163
200 model_not_found: 10404
200 context_length: 10907
200 server_error: 10012 10222
200 overloaded: 10110  # "the service is busy, try again later"

# https://platform.claude.com/docs/en/api/errors
anthropic wrapped
400 bad_request: invalid_request_error
401 auth: authentication_error
402 quota_exhausted: billing_error
403 permission: permission_error
404 model_not_found: not_found_error
413 bad_request: request_too_large
429 rate_limited: rate_limit_error
500 server_error: api_error
504 timeout: timeout_error
529 overloaded: overloaded_error

# anthropic 2.13 (types/shared): the codes beside the type
anthropic detailed
400 quota_exhausted: contract_spend_limit_reached enforced_spend_limit_reached
400 quota_exhausted: linked_organization_spend_limit_reached
400 permission: organization_on_hold
429 rate_limited: ramp_limit_exceeded  # caps how fast usage grows, with a retry-after

# https://ai.google.dev/gemini-api/docs/api-errors
gemini google
400 bad_request: INVALID_ARGUMENT FAILED_PRECONDITION
400 auth: INVALID_ARGUMENT/API_KEY_INVALID
403 permission: PERMISSION_DENIED PERMISSION_DENIED/CONSUMER_SUSPENDED PERMISSION_DENIED/SERVICE_DISABLED
404 model_not_found: NOT_FOUND
429 rate_limited: RESOURCE_EXHAUSTED
499 timeout: CANCELLED
500 server_error: INTERNAL
503 overloaded: UNAVAILABLE
504 timeout: DEADLINE_EXCEEDED

# https://ai.google.dev/gemini-api/docs/api-errors (the Interactions API)
gemini coded
429 rate_limited: rate_limit_exceeded
429 quota_exhausted: quota_exceeded
404 model_not_found: model_not_found
400 bad_request: parameter_unknown
"""

# What vendors say with the status alone: DeepSeek's, StepFun's, Baichuan's and 01.AI's pages have no codes.
STATUSES: list[tuple[str, int, Kind]] = [
    # https://api-docs.deepseek.com/quick_start/error_codes
    ("deepseek", 400, Kind.BAD_REQUEST),
    ("deepseek", 401, Kind.AUTH),
    ("deepseek", 402, Kind.QUOTA_EXHAUSTED),
    ("deepseek", 422, Kind.BAD_REQUEST),
    ("deepseek", 429, Kind.RATE_LIMITED),
    ("deepseek", 500, Kind.SERVER_ERROR),
    ("deepseek", 503, Kind.OVERLOADED),
    # https://platform.stepfun.com/docs/zh/api-reference/error-codes
    ("stepfun", 400, Kind.BAD_REQUEST),
    ("stepfun", 402, Kind.QUOTA_EXHAUSTED),
    ("stepfun", 451, Kind.CONTENT_FILTER),
    ("stepfun", 500, Kind.SERVER_ERROR),
    # https://cloud.tencent.com/document/product/1823/131382
    ("hunyuan", 402, Kind.QUOTA_EXHAUSTED),
    # second hand, https://platform.lingyiwanwu.com/docs/api-reference says nothing
    ("yi", 529, Kind.OVERLOADED),
    ("yi", 404, Kind.MODEL_NOT_FOUND),
]


def listed() -> Iterator[Any]:
    for table in TABLES.split("\n\n"):
        of, *lines = (line.partition("#")[0] for line in table.strip().splitlines()[1:])
        provider, envelope = of.split()
        for line in lines:
            (status, kind), codes = (half.split() for half in line.split(":"))
            for code in codes:
                name = f"{provider}-{envelope}-{status}-{code}"
                yield pytest.param(provider, int(status), code, globals()[envelope], Kind(kind), id=name)


@pytest.mark.parametrize(("provider", "status", "code", "envelope", "kind"), list(listed()))
def test_a_listed_code_is_of_its_class(
    provider: str, status: int, code: str, envelope: Callable[[str], Any], kind: Kind
) -> None:
    assert classify(provider=provider, status=status, body=envelope(code)).kind is kind


@pytest.mark.parametrize(("provider", "status", "kind"), STATUSES)
def test_a_status_without_a_code_is_of_its_class(provider: str, status: int, kind: Kind) -> None:
    assert classify(provider=provider, status=status, body={"error": {"message": MESSAGE}}).kind is kind


def test_a_plan_that_ended_is_no_matter_of_one_model() -> None:
    """https://docs.bigmodel.cn/cn/api/api-code: 1309 is the plan's end, 1311 a model that the plan lacks."""
    ended, lacking = (classify(provider="zhipu", status=429, body=untyped(code)) for code in ("1309", "1311"))
    assert (ended.model_scoped, lacking.model_scoped) == (False, True)
