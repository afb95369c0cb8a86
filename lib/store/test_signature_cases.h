#ifndef MP_STORE_TEST_SIGNATURE_CASES_H
#define MP_STORE_TEST_SIGNATURE_CASES_H

/* What botocore 1.44.5 signs: made by tests/dynamodb/make_signature_cases.py. */

/* clang-format off */
	{"plain",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		NULL,
		"eu-central-1",
		"https://dynamodb.eu-central-1.amazonaws.com",
		"DynamoDB_20120810.GetItem",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/dynamodb/aws4_r"
		"equest, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=79"
		"c2db63adbbf260d49c0e46fe8ce7a6cb64edcfce62c66b7987d0c25687ffc0"},
	{"session token",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		"IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2lu"
		"X2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE/"
		"/////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEa"
		"DGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRy"
		"YWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUC"
		"IQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3J"
		"pZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXA"
		"MPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE////////"
		"//wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWN"
		"lbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJ"
		"HMEUCIQ+/=",
		"eu-central-1",
		"https://dynamodb.eu-central-1.amazonaws.com",
		"DynamoDB_20120810.GetItem",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/dynamodb/aws4_r"
		"equest, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz"
		"-target, Signature=7fbcf0f5e0d920f0dbc0a38d85b82b52b2eefe48c274ba253e95f62125"
		"15d58b"},
	{"empty object",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		NULL,
		"us-east-1",
		"https://dynamodb.us-east-1.amazonaws.com",
		"DynamoDB_20120810.ListTables",
		"{}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/dynamodb/aws4_requ"
		"est, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=3e81a"
		"86c4720eb6fa7b05fe4136b107b3a407b47ced3fa6f1231f74143480e67"},
	{"no body",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		NULL,
		"us-east-1",
		"https://dynamodb.us-east-1.amazonaws.com",
		"DynamoDB_20120810.ListTables",
		"",
		0,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/dynamodb/aws4_requ"
		"est, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=4441a"
		"02b1b10bac479239470bb9a118b21e9b71c97bb6a3b05bc210a95bc2832"},
	{"UTF-8",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		NULL,
		"eu-central-1",
		"https://dynamodb.eu-central-1.amazonaws.com",
		"DynamoDB_20120810.PutItem",
		"{\"Item\":{\"t\":{\"S\":\"caf\303\251 \342\202\254 \360\237\222\266 \347\224\262"
		"\351\252\250\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/dynamodb/aws4_r"
		"equest, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=f3"
		"b12a22666a57f78a8cb6f3d6a48a4a713fed13d84a9c907fd8a078c56c3103"},
	{"UTF-8 and a token",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		"IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2lu"
		"X2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE/"
		"/////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEa"
		"DGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRy"
		"YWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUC"
		"IQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3J"
		"pZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXA"
		"MPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE////////"
		"//wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWN"
		"lbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJ"
		"HMEUCIQ+/=",
		"eu-central-1",
		"https://dynamodb.eu-central-1.amazonaws.com",
		"DynamoDB_20120810.PutItem",
		"{\"Item\":{\"t\":{\"S\":\"\320\224\320\265\320\275\321\214\320\263\320\270\"}"
		"}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/dynamodb/aws4_r"
		"equest, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz"
		"-target, Signature=243180d5b020f161d5fbd07b12307dd6a95db98c787ef06ea9aa0a9256"
		"b06fe7"},
	{"escapes",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		NULL,
		"eu-central-1",
		"https://dynamodb.eu-central-1.amazonaws.com",
		"DynamoDB_20120810.PutItem",
		"{\"Item\":{\"t\":{\"S\":\"\\u0001\\\"\\\\ a  b\\t\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/dynamodb/aws4_r"
		"equest, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=bf"
		"137ab24d6fc7c1f295f8e221c00ff2f43f8b5bc1744a0a2b7143c770a690e5"},
	{"100 KB",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		NULL,
		"eu-central-1",
		"https://dynamodb.eu-central-1.amazonaws.com",
		"DynamoDB_20120810.TransactWriteItems",
		"0123456789",
		10000,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/dynamodb/aws4_r"
		"equest, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=74"
		"01da746fe406f4876d79e385d9707d9b6bbe749c23353a7904621841d2ee43"},
	{"4 MB and a token",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		"IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2lu"
		"X2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE/"
		"/////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEa"
		"DGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRy"
		"YWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUC"
		"IQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3J"
		"pZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXA"
		"MPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE////////"
		"//wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWN"
		"lbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJ"
		"HMEUCIQ+/=",
		"eu-central-1",
		"https://dynamodb.eu-central-1.amazonaws.com",
		"DynamoDB_20120810.TransactWriteItems",
		"moneypal",
		524288,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/dynamodb/aws4_r"
		"equest, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz"
		"-target, Signature=b64cb9bb7a9897781ab1bce886ee3098d69b36487eadaa9d93768edd7e"
		"853a59"},
	{"odd port",
		"test",
		"test",
		NULL,
		"local",
		"http://127.0.0.1:21900",
		"DynamoDB_20120810.GetItem",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=test/20261123/local/dynamodb/aws4_request, Signed"
		"Headers=content-type;host;x-amz-date;x-amz-target, Signature=e7cf4b414720c939"
		"2d210c1d9d9e0d79196cc5884ca15bdce7eb8f77dd70ec35"},
	{"name and odd port",
		"test",
		"test",
		"IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2lu"
		"X2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE/"
		"/////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEa"
		"DGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRy"
		"YWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUC"
		"IQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3J"
		"pZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXA"
		"MPLE//////////wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE////////"
		"//wEaDGV1LWNlbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWN"
		"lbnRyYWwtMSJHMEUCIQ+/=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaDGV1LWNlbnRyYWwtMSJ"
		"HMEUCIQ+/=",
		"eu-central-1",
		"http://dynamodb-local:8000",
		"DynamoDB_20120810.Query",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=test/20261123/eu-central-1/dynamodb/aws4_request,"
		" SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
		", Signature=066a35eff520529b1997a1742f365c1134c13d5812cbbabace637cf088edd13f"},
	{"port of http",
		"test",
		"test",
		NULL,
		"eu-central-1",
		"http://dynamodb:80",
		"DynamoDB_20120810.Query",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=test/20261123/eu-central-1/dynamodb/aws4_request,"
		" SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=72da62c09"
		"3d2026bd21a523033e87b395d4b938d0c3c130da59fb19d38b8a684"},
	{"port of https",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		NULL,
		"eu-central-1",
		"https://dynamodb.eu-central-1.amazonaws.com:443",
		"DynamoDB_20120810.Query",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/dynamodb/aws4_r"
		"equest, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=90"
		"c81e97c41912b3978a47b5e5fb7fe85d0044718bac6cc54dd5d68a41e1087d"},
	{"https on the port of http",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		NULL,
		"eu-central-1",
		"https://dynamodb.eu-central-1.amazonaws.com:80",
		"DynamoDB_20120810.Query",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/dynamodb/aws4_r"
		"equest, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=e8"
		"063a2c2987dce09c142cc37569039ee46d2ca85f25ba74f2ba763c1c3441a0"},
	{"IPv6",
		"test",
		"test",
		NULL,
		"eu-central-1",
		"http://[::1]:8000",
		"DynamoDB_20120810.Scan",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=test/20261123/eu-central-1/dynamodb/aws4_request,"
		" SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=508b62d0b"
		"d4166650b602e77c9ad5b705510543e05bde70a4ecd1665edd62257"},
	{"VPC endpoint",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		NULL,
		"eu-west-3",
		"https://vpce-0123-abcd.dynamodb.eu-west-3.vpce.amazonaws.com",
		"DynamoDB_20120810.Scan",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-west-3/dynamodb/aws4_requ"
		"est, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=03730"
		"c7bca206b5483eb2abaa0c00f7de7c2e3dc32470cb1e927cce36c2939ee"},
	{"China",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		NULL,
		"cn-north-1",
		"https://dynamodb.cn-north-1.amazonaws.com.cn",
		"DynamoDB_20120810.BatchGetItem",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/cn-north-1/dynamodb/aws4_req"
		"uest, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=0227"
		"ed4684726591201ce04bb5bf4d184f73bed06c5fd2b64fa8f2e565c7450f"},
	{"GovCloud",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		NULL,
		"us-gov-west-1",
		"https://dynamodb.us-gov-west-1.amazonaws.com",
		"DynamoDB_20120810.BatchWriteItem",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-gov-west-1/dynamodb/aws4_"
		"request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=c"
		"7304bb297f7f0aa560fed4dcb5646704bbd15260acf55d6f5a66cd6e6faeeac"},
	{"one second before midnight",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		NULL,
		"eu-central-1",
		"https://dynamodb.eu-central-1.amazonaws.com",
		"DynamoDB_20120810.GetItem",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1798761599,
		"20261231T235959Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261231/eu-central-1/dynamodb/aws4_r"
		"equest, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=5c"
		"909ff51750ab1f90cb848ffbaa3ac5f6caf036644619cfb215a3f67bae66e4"},
	{"midnight",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		NULL,
		"eu-central-1",
		"https://dynamodb.eu-central-1.amazonaws.com",
		"DynamoDB_20120810.GetItem",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1798761600,
		"20270101T000000Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20270101/eu-central-1/dynamodb/aws4_r"
		"equest, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=12"
		"485ba96f455d399c1c1dc3a841153327db6c40574604c1cc7252f7f09f662f"},
	{"leap day",
		"AKIDEXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		NULL,
		"eu-central-1",
		"https://dynamodb.eu-central-1.amazonaws.com",
		"DynamoDB_20120810.GetItem",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1835438400,
		"20280229T120000Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20280229/eu-central-1/dynamodb/aws4_r"
		"equest, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=d9"
		"cbead5e6ef224da395df97727170ae2e4291d131eb7f89c0f49b0fbf64ca9b"},
	{"a secret of odd characters",
		"AKIDEXAMPLE",
		"a+b/c=%20&\303\274",
		NULL,
		"eu-central-1",
		"https://dynamodb.eu-central-1.amazonaws.com",
		"DynamoDB_20120810.GetItem",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/dynamodb/aws4_r"
		"equest, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=0b"
		"d71562bfd732f984994fa809ecd2489624266f1009f4c79340dec09c7b6215"},
	{"a long secret",
		"AKIDEXAMPLE",
		"sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"
		"sssssssssssssssssssssssssssssssssssssssssssssssssss",
		NULL,
		"eu-central-1",
		"https://dynamodb.eu-central-1.amazonaws.com",
		"DynamoDB_20120810.GetItem",
		"{\"TableName\":\"moneypal-wallet\",\"Key\":{\"pk\":{\"S\":\"A\"},\"sk\":{\"S\""
		":\"1\"}}}",
		1,
		1795400570,
		"20261123T022250Z",
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-central-1/dynamodb/aws4_r"
		"equest, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=08"
		"7fc79392a2af3c395fcbce7e3a92486cc4871daded902d67477348ce67baa8"},
/* clang-format on */

#endif
