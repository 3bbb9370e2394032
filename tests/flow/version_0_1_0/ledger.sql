BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE answers (
	id TEXT NOT NULL,
	kind TEXT NOT NULL,
	actor_user TEXT NOT NULL,
	actor_team TEXT NOT NULL,
	channel TEXT NOT NULL,
	since VARCHAR(27) NOT NULL,
	thread_ts TEXT,
	job TEXT,
	deletion TEXT,
	text TEXT,
	owner TEXT NOT NULL,
	lease_owner TEXT,
	lease_until VARCHAR(27),
	CONSTRAINT pk_answers PRIMARY KEY (id)
);
CREATE TABLE attempts (
	deletion VARCHAR(16) NOT NULL,
	number INTEGER NOT NULL,
	claim_token TEXT NOT NULL,
	claimed_at VARCHAR(27) NOT NULL,
	send_before VARCHAR(27) NOT NULL,
	replied_at VARCHAR(27),
	status INTEGER,
	cause TEXT,
	code TEXT,
	message TEXT,
	request_id TEXT,
	CONSTRAINT pk_attempts PRIMARY KEY (deletion, number),
	CONSTRAINT fk_attempts_deletion FOREIGN KEY(deletion) REFERENCES deletions (id)
);
INSERT INTO "attempts" VALUES('25352413a0fe9105',1,'32f465c718047f92','2026-11-30T03:24:19.365292Z','2026-11-30T03:24:24.365292Z','2026-11-30T03:24:19.392165Z',200,NULL,NULL,NULL,'fcbbe881d7e433a3facf17624a71c9f3');
INSERT INTO "attempts" VALUES('e4da7d287201f523',1,'f4bd90b1fc7dc92a','2026-11-30T03:24:19.465864Z','2026-11-30T03:24:24.465864Z','2026-11-30T03:24:19.471459Z',403,NULL,'MSS.00000403','no permission','187f4ae364cc745d3874cad5b0f48005');
INSERT INTO "attempts" VALUES('1095ea6ebd547b70',1,'6abf2514c2e7e973','2026-11-30T03:24:26.617984Z','2026-11-30T03:24:31.617984Z','2026-11-30T03:24:26.623035Z',NULL,'the connection broke before a whole answer had arrived',NULL,NULL,NULL);
CREATE TABLE breakers (
	target TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	opened_at VARCHAR(27) NOT NULL,
	trial_until VARCHAR(27),
	CONSTRAINT pk_breakers PRIMARY KEY (target)
);
CREATE TABLE chain_head (
	id INTEGER NOT NULL,
	number INTEGER NOT NULL,
	hash VARCHAR(64) NOT NULL,
	CONSTRAINT pk_chain_head PRIMARY KEY (id)
);
INSERT INTO "chain_head" VALUES(1,41,'a721409473bbc3cb991914b70e673928b97ad952c8f7a7cfe78fd7d2f580d1d5');
CREATE TABLE checkpoints (
	number INTEGER NOT NULL,
	hash VARCHAR(64) NOT NULL,
	at VARCHAR(27) NOT NULL,
	CONSTRAINT pk_checkpoints PRIMARY KEY (number)
);
CREATE TABLE deletions (
	id VARCHAR(16) NOT NULL,
	endpoint TEXT NOT NULL,
	region TEXT NOT NULL,
	project_id TEXT NOT NULL,
	job_id VARCHAR(64) NOT NULL,
	job_state TEXT NOT NULL,
	job_name TEXT NOT NULL,
	asset_id TEXT NOT NULL,
	last_update_time TEXT NOT NULL,
	job TEXT NOT NULL,
	state VARCHAR(16) NOT NULL,
	requester_user TEXT NOT NULL,
	requester_team TEXT NOT NULL,
	channel TEXT NOT NULL,
	confirm_by TEXT NOT NULL,
	asked_at VARCHAR(27) NOT NULL,
	reason TEXT,
	message_ts TEXT,
	deadline_at VARCHAR(27),
	confirmer_user TEXT,
	confirmer_team TEXT,
	confirmed_at VARCHAR(27),
	claim_token TEXT,
	send_before VARCHAR(27),
	takeover_at VARCHAR(27),
	ended_at VARCHAR(27),
	ended_why TEXT,
	ended_by_user TEXT,
	ended_by_team TEXT,
	unknown_since VARCHAR(27),
	answered_5xx BOOLEAN NOT NULL,
	reads_agreeing INTEGER NOT NULL,
	reads_first_at VARCHAR(27),
	reads_last TEXT,
	read_due_at VARCHAR(27),
	verified_at VARCHAR(27),
	reminded BOOLEAN NOT NULL,
	owner TEXT NOT NULL,
	claim_owner TEXT,
	lease_owner TEXT,
	lease_until VARCHAR(27),
	CONSTRAINT pk_deletions PRIMARY KEY (id)
);
INSERT INTO "deletions" VALUES('25352413a0fe9105','METASTUDIO','cn-north-4','0123456789abcdef0123456789abcdef','33333333-3333-4333-8333-333333333333','TRAIN_FAILED','Model deleted','f36a730886b14e295cfcacdcba6d8754','2026-11-29T03:24:19Z','{"asset_id":"f36a730886b14e295cfcacdcba6d8754","create_time":"2026-11-27T03:24:19Z","job_id":"33333333-3333-4333-8333-333333333333","last_update_time":"2026-11-29T03:24:19Z","model_resolution":"1080P","model_version":"V3.2","name":"Model deleted","seen_as":"","state":"TRAIN_FAILED","supported_service":["VIDEO_2D","LIVE_2D"],"voice_train_job_id":"5b309632ac1dc051ec5beceb42bdca9b"}','deleted','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','requester','2026-11-30T03:24:19.322917Z','no longer used','1796009059.339700','2026-11-30T04:24:19.343982Z','U0ANNA00001','T3R5OXRVUQQ','2026-11-30T03:24:19.365292Z','32f465c718047f92','2026-11-30T03:24:24.365292Z','2026-11-30T03:25:09.365292Z','2026-11-30T03:24:19.392883Z','reply_deleted',NULL,NULL,NULL,0,0,NULL,NULL,NULL,'2026-11-30T03:24:25.272034Z',0,'d7ca7c9ff0e6f979','d7ca7c9ff0e6f979',NULL,NULL);
INSERT INTO "deletions" VALUES('e4da7d287201f523','METASTUDIO','cn-north-4','0123456789abcdef0123456789abcdef','44444444-4444-4444-8444-444444444444','TRAIN_FAILED','Model failed','7b6094185a4523e30627503ec0059a95','2026-11-29T03:24:19Z','{"asset_id":"7b6094185a4523e30627503ec0059a95","create_time":"2026-11-27T03:24:19Z","job_id":"44444444-4444-4444-8444-444444444444","last_update_time":"2026-11-29T03:24:19Z","model_resolution":"1080P","model_version":"V3.2","name":"Model failed","seen_as":"","state":"TRAIN_FAILED","supported_service":["VIDEO_2D","LIVE_2D"],"voice_train_job_id":"fa8189614a5a89094d1c687dae6b1466"}','failed','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','requester','2026-11-30T03:24:19.436931Z',NULL,'1796009059.445531','2026-11-30T04:24:19.449402Z','U0ANNA00001','T3R5OXRVUQQ','2026-11-30T03:24:19.465864Z','f4bd90b1fc7dc92a','2026-11-30T03:24:24.465864Z','2026-11-30T03:25:09.465864Z','2026-11-30T03:24:19.472256Z','forbidden',NULL,NULL,NULL,0,0,NULL,NULL,NULL,NULL,0,'d7ca7c9ff0e6f979','d7ca7c9ff0e6f979',NULL,NULL);
INSERT INTO "deletions" VALUES('d231af7e96412786','METASTUDIO','cn-north-4','0123456789abcdef0123456789abcdef','55555555-5555-4555-8555-555555555555','TRAIN_FAILED','Model cancelled','3ec57a564a7efe0d635b6730f839de7a','2026-11-29T03:24:19Z','{"asset_id":"3ec57a564a7efe0d635b6730f839de7a","create_time":"2026-11-27T03:24:19Z","job_id":"55555555-5555-4555-8555-555555555555","last_update_time":"2026-11-29T03:24:19Z","model_resolution":"1080P","model_version":"V3.2","name":"Model cancelled","seen_as":"","state":"TRAIN_FAILED","supported_service":["VIDEO_2D","LIVE_2D"],"voice_train_job_id":"5d97bbc32da6366bb1224c97e7088ca9"}','cancelled','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','requester','2026-11-30T03:24:19.525526Z',NULL,'1796009059.537752','2026-11-30T04:24:19.538882Z',NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-30T03:24:19.552514Z','cancelled','U0BEN000001','T3R5OXRVUQQ',NULL,0,0,NULL,NULL,NULL,NULL,0,'d7ca7c9ff0e6f979',NULL,NULL,NULL);
INSERT INTO "deletions" VALUES('1095ea6ebd547b70','METASTUDIO','cn-north-4','0123456789abcdef0123456789abcdef','22222222-2222-4222-8222-222222222222','TRAIN_FAILED','Model unknown','47c2a177d74c1585dc133d43a55ba0a8','2026-11-29T03:24:26Z','{"asset_id":"47c2a177d74c1585dc133d43a55ba0a8","create_time":"2026-11-27T03:24:26Z","job_id":"22222222-2222-4222-8222-222222222222","last_update_time":"2026-11-29T03:24:26Z","model_resolution":"1080P","model_version":"V3.2","name":"Model unknown","seen_as":"","state":"TRAIN_FAILED","supported_service":["VIDEO_2D","LIVE_2D"],"voice_train_job_id":"b5538cdcee2b89a910b948e6d3974252"}','unknown','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','requester','2026-11-30T03:24:26.590841Z','lost answer','1796009066.601704','2026-11-30T04:24:26.603528Z','U0ANNA00001','T3R5OXRVUQQ','2026-11-30T03:24:26.617984Z','6abf2514c2e7e973','2026-11-30T03:24:31.617984Z','2026-11-30T03:25:16.617984Z',NULL,'lost',NULL,NULL,'2026-11-30T03:24:26.623432Z',0,1,'2026-11-30T03:24:29.278246Z','present','2026-11-30T03:25:44.278246Z',NULL,0,'d7ca7c9ff0e6f979','d7ca7c9ff0e6f979',NULL,NULL);
INSERT INTO "deletions" VALUES('5eef9f6be8653d1b','METASTUDIO','cn-north-4','0123456789abcdef0123456789abcdef','11111111-1111-4111-8111-111111111111','TRAIN_FAILED','Model open','3f3f1ce1da6029ff334a68e70fb650cd','2026-11-29T03:24:26Z','{"asset_id":"3f3f1ce1da6029ff334a68e70fb650cd","create_time":"2026-11-27T03:24:26Z","job_id":"11111111-1111-4111-8111-111111111111","last_update_time":"2026-11-29T03:24:26Z","model_resolution":"1080P","model_version":"V3.2","name":"Model open","seen_as":"","state":"TRAIN_FAILED","supported_service":["VIDEO_2D","LIVE_2D"],"voice_train_job_id":"b180efcc97ee78ce4e40c909598f80f8"}','awaiting','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','requester','2026-11-30T03:24:26.660020Z','left open','1796009066.669252','2026-11-30T04:24:26.670734Z',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,NULL,NULL,NULL,NULL,0,'d7ca7c9ff0e6f979',NULL,NULL,NULL);
CREATE TABLE events (
	number INTEGER NOT NULL,
	at VARCHAR(27) NOT NULL,
	kind TEXT NOT NULL,
	actor_user TEXT,
	actor_team TEXT,
	channel TEXT,
	deletion TEXT,
	job TEXT,
	request_id TEXT,
	text TEXT NOT NULL,
	previous_hash VARCHAR(64) NOT NULL,
	hash VARCHAR(64) NOT NULL,
	CONSTRAINT pk_events PRIMARY KEY (number)
);
INSERT INTO "events" VALUES(1,'2026-11-30T03:24:19.285595Z','command','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','25352413a0fe9105','33333333-3333-4333-8333-333333333333',NULL,'{"at":"2026-11-30T03:24:19.285595Z","channel":"C0OPS000001","deletion":"25352413a0fe9105","facts":{},"job":"33333333-3333-4333-8333-333333333333","kind":"command","number":1,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','0000000000000000000000000000000000000000000000000000000000000000','d4e01e001e8f4d1ea3fdbf9160db15f2d2b7e9dcb8a9bffbcaa6a62e3ce73679');
INSERT INTO "events" VALUES(2,'2026-11-30T03:24:19.322917Z','proposed','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','25352413a0fe9105','33333333-3333-4333-8333-333333333333',NULL,'{"at":"2026-11-30T03:24:19.322917Z","channel":"C0OPS000001","deletion":"25352413a0fe9105","facts":{"rule":"requester","state":"TRAIN_FAILED"},"job":"33333333-3333-4333-8333-333333333333","kind":"proposed","number":2,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','d4e01e001e8f4d1ea3fdbf9160db15f2d2b7e9dcb8a9bffbcaa6a62e3ce73679','c1e9b32922e6e75ee14bacdebae4f86a746b4726710639e9e907622d9b2ad296');
INSERT INTO "events" VALUES(3,'2026-11-30T03:24:19.342019Z','click','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','25352413a0fe9105',NULL,NULL,'{"at":"2026-11-30T03:24:19.342019Z","channel":"C0OPS000001","deletion":"25352413a0fe9105","facts":{"action":"dh_confirm"},"job":null,"kind":"click","number":3,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','c1e9b32922e6e75ee14bacdebae4f86a746b4726710639e9e907622d9b2ad296','a0094b52f1b788cb800cabdb1a3d9f062d7774d40b844e595838775c3ea01617');
INSERT INTO "events" VALUES(4,'2026-11-30T03:24:19.343982Z','card_posted',NULL,NULL,'C0OPS000001','25352413a0fe9105','33333333-3333-4333-8333-333333333333',NULL,'{"at":"2026-11-30T03:24:19.343982Z","channel":"C0OPS000001","deletion":"25352413a0fe9105","facts":{"ts":"1796009059.339700"},"job":"33333333-3333-4333-8333-333333333333","kind":"card_posted","number":4,"request_id":null,"team":null,"user":null}','a0094b52f1b788cb800cabdb1a3d9f062d7774d40b844e595838775c3ea01617','6462f1244cecadf7cc06442d7470bb8d6ab03e4ee3e23e5ecc1d1d37830bd858');
INSERT INTO "events" VALUES(5,'2026-11-30T03:24:19.365292Z','claimed','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','25352413a0fe9105','33333333-3333-4333-8333-333333333333',NULL,'{"at":"2026-11-30T03:24:19.365292Z","channel":"C0OPS000001","deletion":"25352413a0fe9105","facts":{"attempt":1},"job":"33333333-3333-4333-8333-333333333333","kind":"claimed","number":5,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','6462f1244cecadf7cc06442d7470bb8d6ab03e4ee3e23e5ecc1d1d37830bd858','0eda6b774a2b721742f4f483a3b75a3206ebca28b8f7f4220c94c443b3a8fee5');
INSERT INTO "events" VALUES(6,'2026-11-30T03:24:19.392932Z','outcome','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','25352413a0fe9105','33333333-3333-4333-8333-333333333333','fcbbe881d7e433a3facf17624a71c9f3','{"at":"2026-11-30T03:24:19.392932Z","channel":"C0OPS000001","deletion":"25352413a0fe9105","facts":{"cause":null,"code":null,"means":"done","status":200},"job":"33333333-3333-4333-8333-333333333333","kind":"outcome","number":6,"request_id":"fcbbe881d7e433a3facf17624a71c9f3","team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','0eda6b774a2b721742f4f483a3b75a3206ebca28b8f7f4220c94c443b3a8fee5','45582b4aa07c3da8016acd8af069b335d9bd68210306f2cd1f62df270e691486');
INSERT INTO "events" VALUES(7,'2026-11-30T03:24:19.415575Z','told',NULL,NULL,'C0OPS000001','25352413a0fe9105','33333333-3333-4333-8333-333333333333',NULL,'{"at":"2026-11-30T03:24:19.415575Z","channel":"C0OPS000001","deletion":"25352413a0fe9105","facts":{"attempt":1,"to":"C0OPS000001","ts":"1796009059.414831","what":"outcome"},"job":"33333333-3333-4333-8333-333333333333","kind":"told","number":7,"request_id":null,"team":null,"user":null}','45582b4aa07c3da8016acd8af069b335d9bd68210306f2cd1f62df270e691486','683a137adeae020031ab21b17bcfb5bbc69153796ed23de908b7dd1c879bd587');
INSERT INTO "events" VALUES(8,'2026-11-30T03:24:19.423538Z','command','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','e4da7d287201f523','44444444-4444-4444-8444-444444444444',NULL,'{"at":"2026-11-30T03:24:19.423538Z","channel":"C0OPS000001","deletion":"e4da7d287201f523","facts":{},"job":"44444444-4444-4444-8444-444444444444","kind":"command","number":8,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','683a137adeae020031ab21b17bcfb5bbc69153796ed23de908b7dd1c879bd587','6991c7f6b8dd4d47db8005fc2721d33e3bb1f78902f98b764133a7ab38f38a2f');
INSERT INTO "events" VALUES(9,'2026-11-30T03:24:19.436931Z','proposed','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','e4da7d287201f523','44444444-4444-4444-8444-444444444444',NULL,'{"at":"2026-11-30T03:24:19.436931Z","channel":"C0OPS000001","deletion":"e4da7d287201f523","facts":{"rule":"requester","state":"TRAIN_FAILED"},"job":"44444444-4444-4444-8444-444444444444","kind":"proposed","number":9,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','6991c7f6b8dd4d47db8005fc2721d33e3bb1f78902f98b764133a7ab38f38a2f','4d0689b0dfd8908193e237fc8ab0b57aa1fc34a19e14114424615069c0617b6a');
INSERT INTO "events" VALUES(10,'2026-11-30T03:24:19.449402Z','card_posted',NULL,NULL,'C0OPS000001','e4da7d287201f523','44444444-4444-4444-8444-444444444444',NULL,'{"at":"2026-11-30T03:24:19.449402Z","channel":"C0OPS000001","deletion":"e4da7d287201f523","facts":{"ts":"1796009059.445531"},"job":"44444444-4444-4444-8444-444444444444","kind":"card_posted","number":10,"request_id":null,"team":null,"user":null}','4d0689b0dfd8908193e237fc8ab0b57aa1fc34a19e14114424615069c0617b6a','30188242a490916888879c2e16cd609bb30244471e8b1b85eb6352c151e75c57');
INSERT INTO "events" VALUES(11,'2026-11-30T03:24:19.451206Z','click','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','e4da7d287201f523',NULL,NULL,'{"at":"2026-11-30T03:24:19.451206Z","channel":"C0OPS000001","deletion":"e4da7d287201f523","facts":{"action":"dh_confirm"},"job":null,"kind":"click","number":11,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','30188242a490916888879c2e16cd609bb30244471e8b1b85eb6352c151e75c57','c8bb0c20fd2e7b150b4110d2c0e1493a6884b49251be6d4ce88732c9ebad991f');
INSERT INTO "events" VALUES(12,'2026-11-30T03:24:19.465864Z','claimed','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','e4da7d287201f523','44444444-4444-4444-8444-444444444444',NULL,'{"at":"2026-11-30T03:24:19.465864Z","channel":"C0OPS000001","deletion":"e4da7d287201f523","facts":{"attempt":1},"job":"44444444-4444-4444-8444-444444444444","kind":"claimed","number":12,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','c8bb0c20fd2e7b150b4110d2c0e1493a6884b49251be6d4ce88732c9ebad991f','99bfd4b3ce9aa499697504908cf916611fd282ebca9bc420840e1ff08be0f84c');
INSERT INTO "events" VALUES(13,'2026-11-30T03:24:19.472308Z','outcome','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','e4da7d287201f523','44444444-4444-4444-8444-444444444444','187f4ae364cc745d3874cad5b0f48005','{"at":"2026-11-30T03:24:19.472308Z","channel":"C0OPS000001","deletion":"e4da7d287201f523","facts":{"cause":null,"code":"MSS.00000403","means":"the credentials lack a permission","status":403},"job":"44444444-4444-4444-8444-444444444444","kind":"outcome","number":13,"request_id":"187f4ae364cc745d3874cad5b0f48005","team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','99bfd4b3ce9aa499697504908cf916611fd282ebca9bc420840e1ff08be0f84c','94c29c10ead5d45b2b25040f5eb76ef19fa42faa56c081367d84ef3496489964');
INSERT INTO "events" VALUES(14,'2026-11-30T03:24:19.493340Z','told',NULL,NULL,'C0OPS000001','e4da7d287201f523','44444444-4444-4444-8444-444444444444',NULL,'{"at":"2026-11-30T03:24:19.493340Z","channel":"C0OPS000001","deletion":"e4da7d287201f523","facts":{"attempt":1,"to":"C0OPS000001","ts":"1796009059.489965","what":"outcome"},"job":"44444444-4444-4444-8444-444444444444","kind":"told","number":14,"request_id":null,"team":null,"user":null}','94c29c10ead5d45b2b25040f5eb76ef19fa42faa56c081367d84ef3496489964','9242cd877009991a30e4681abdf6c95d141ef220b59b83899c8bc22929b58952');
INSERT INTO "events" VALUES(15,'2026-11-30T03:24:19.505976Z','command','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','d231af7e96412786','55555555-5555-4555-8555-555555555555',NULL,'{"at":"2026-11-30T03:24:19.505976Z","channel":"C0OPS000001","deletion":"d231af7e96412786","facts":{},"job":"55555555-5555-4555-8555-555555555555","kind":"command","number":15,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','9242cd877009991a30e4681abdf6c95d141ef220b59b83899c8bc22929b58952','490bc47ca16f45750527d60037c821d14b02459520d7ac411c293bbb796ae0b5');
INSERT INTO "events" VALUES(16,'2026-11-30T03:24:19.525526Z','proposed','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','d231af7e96412786','55555555-5555-4555-8555-555555555555',NULL,'{"at":"2026-11-30T03:24:19.525526Z","channel":"C0OPS000001","deletion":"d231af7e96412786","facts":{"rule":"requester","state":"TRAIN_FAILED"},"job":"55555555-5555-4555-8555-555555555555","kind":"proposed","number":16,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','490bc47ca16f45750527d60037c821d14b02459520d7ac411c293bbb796ae0b5','726cacaefb548c79344738707ff3e76f1fa9e03003bdb7219b5c4adf4e1ee174');
INSERT INTO "events" VALUES(17,'2026-11-30T03:24:19.538882Z','card_posted',NULL,NULL,'C0OPS000001','d231af7e96412786','55555555-5555-4555-8555-555555555555',NULL,'{"at":"2026-11-30T03:24:19.538882Z","channel":"C0OPS000001","deletion":"d231af7e96412786","facts":{"ts":"1796009059.537752"},"job":"55555555-5555-4555-8555-555555555555","kind":"card_posted","number":17,"request_id":null,"team":null,"user":null}','726cacaefb548c79344738707ff3e76f1fa9e03003bdb7219b5c4adf4e1ee174','1c03c778670fc7779c5162196c9e98e340480f0a6b6a8dc4fd23d151f40e1ce3');
INSERT INTO "events" VALUES(18,'2026-11-30T03:24:19.541893Z','click','U0BEN000001','T3R5OXRVUQQ','C0OPS000001','d231af7e96412786',NULL,NULL,'{"at":"2026-11-30T03:24:19.541893Z","channel":"C0OPS000001","deletion":"d231af7e96412786","facts":{"action":"dh_cancel"},"job":null,"kind":"click","number":18,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0BEN000001"}','1c03c778670fc7779c5162196c9e98e340480f0a6b6a8dc4fd23d151f40e1ce3','8ce37158e663bfe4631619a64fafa7ad0f91f8442d6f0f1c559281837e2abf92');
INSERT INTO "events" VALUES(19,'2026-11-30T03:24:19.552514Z','cancelled','U0BEN000001','T3R5OXRVUQQ','C0OPS000001','d231af7e96412786','55555555-5555-4555-8555-555555555555',NULL,'{"at":"2026-11-30T03:24:19.552514Z","channel":"C0OPS000001","deletion":"d231af7e96412786","facts":{},"job":"55555555-5555-4555-8555-555555555555","kind":"cancelled","number":19,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0BEN000001"}','8ce37158e663bfe4631619a64fafa7ad0f91f8442d6f0f1c559281837e2abf92','529addc80283f610ee6b5645b207023db9d9519c881efbc65fd3a8ba8db5aab2');
INSERT INTO "events" VALUES(20,'2026-11-30T03:24:19.569738Z','told',NULL,NULL,'C0OPS000001','d231af7e96412786','55555555-5555-4555-8555-555555555555',NULL,'{"at":"2026-11-30T03:24:19.569738Z","channel":"C0OPS000001","deletion":"d231af7e96412786","facts":{"attempt":1,"to":"C0OPS000001","ts":"1796009059.568855","what":"cancelled"},"job":"55555555-5555-4555-8555-555555555555","kind":"told","number":20,"request_id":null,"team":null,"user":null}','529addc80283f610ee6b5645b207023db9d9519c881efbc65fd3a8ba8db5aab2','16379ad0899d6e606c5760783b2c317da1ef1f3863b2b2c75bba912581896f9a');
INSERT INTO "events" VALUES(21,'2026-11-30T03:24:19.578949Z','command','U0BEN000001','T3R5OXRVUQQ','C0OPS000001',NULL,NULL,NULL,'{"at":"2026-11-30T03:24:19.578949Z","channel":"C0OPS000001","deletion":null,"facts":{"subcommand":"freeze"},"job":null,"kind":"command","number":21,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0BEN000001"}','16379ad0899d6e606c5760783b2c317da1ef1f3863b2b2c75bba912581896f9a','c38d17dc1208c902d75057d748a97bc77c3a2407446b04fe518e6c45d577bc21');
INSERT INTO "events" VALUES(22,'2026-11-30T03:24:19.586065Z','frozen','U0BEN000001','T3R5OXRVUQQ','C0OPS000001',NULL,NULL,NULL,'{"at":"2026-11-30T03:24:19.586065Z","channel":"C0OPS000001","deletion":null,"facts":{},"job":null,"kind":"frozen","number":22,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0BEN000001"}','c38d17dc1208c902d75057d748a97bc77c3a2407446b04fe518e6c45d577bc21','91ba29d751050269282b768b3a280a2aa359bbbd20acec9851a6977adf2eb7fe');
INSERT INTO "events" VALUES(23,'2026-11-30T03:24:19.603848Z','told',NULL,NULL,'C0OPS000001',NULL,NULL,NULL,'{"at":"2026-11-30T03:24:19.603848Z","channel":"C0OPS000001","deletion":null,"facts":{"attempt":1,"to":"C0OPS000001","ts":"1796009059.603241","what":"notice"},"job":null,"kind":"told","number":23,"request_id":null,"team":null,"user":null}','91ba29d751050269282b768b3a280a2aa359bbbd20acec9851a6977adf2eb7fe','a174468a2717744590b303cf185d27c8b9658d96b75cb6ff5ca846d2c2dd793b');
INSERT INTO "events" VALUES(24,'2026-11-30T03:24:21.580558Z','command','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','9035caaa61682e8f','55555555-5555-4555-8555-555555555555',NULL,'{"at":"2026-11-30T03:24:21.580558Z","channel":"C0OPS000001","deletion":"9035caaa61682e8f","facts":{},"job":"55555555-5555-4555-8555-555555555555","kind":"command","number":24,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','a174468a2717744590b303cf185d27c8b9658d96b75cb6ff5ca846d2c2dd793b','e3f9360b616be4ed089a6638241a797091d418be225467bacb643ca0b56c2958');
INSERT INTO "events" VALUES(25,'2026-11-30T03:24:21.584987Z','refused','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001',NULL,'55555555-5555-4555-8555-555555555555',NULL,'{"at":"2026-11-30T03:24:21.584987Z","channel":"C0OPS000001","deletion":null,"facts":{"kind":"command","reason":"frozen"},"job":"55555555-5555-4555-8555-555555555555","kind":"refused","number":25,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','e3f9360b616be4ed089a6638241a797091d418be225467bacb643ca0b56c2958','572c90ffa098d63cee269fba0da22ecddf2dab9a7bf836775c7753dea9582b71');
INSERT INTO "events" VALUES(26,'2026-11-30T03:24:23.582258Z','command','U0BEN000001','T3R5OXRVUQQ','C0OPS000001',NULL,NULL,NULL,'{"at":"2026-11-30T03:24:23.582258Z","channel":"C0OPS000001","deletion":null,"facts":{"subcommand":"unfreeze"},"job":null,"kind":"command","number":26,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0BEN000001"}','572c90ffa098d63cee269fba0da22ecddf2dab9a7bf836775c7753dea9582b71','0bb7e85e727e4755f46ac07a22cc27d9ae4c7a4e060383c8e960782bdf2b543b');
INSERT INTO "events" VALUES(27,'2026-11-30T03:24:23.584866Z','unfrozen','U0BEN000001','T3R5OXRVUQQ','C0OPS000001',NULL,NULL,NULL,'{"at":"2026-11-30T03:24:23.584866Z","channel":"C0OPS000001","deletion":null,"facts":{},"job":null,"kind":"unfrozen","number":27,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0BEN000001"}','0bb7e85e727e4755f46ac07a22cc27d9ae4c7a4e060383c8e960782bdf2b543b','8bbbdb9020f1d61c20806679fd09390873c3e77042df6d1c16353954a669dbe0');
INSERT INTO "events" VALUES(28,'2026-11-30T03:24:23.596411Z','told',NULL,NULL,'C0OPS000001',NULL,NULL,NULL,'{"at":"2026-11-30T03:24:23.596411Z","channel":"C0OPS000001","deletion":null,"facts":{"attempt":1,"to":"C0OPS000001","ts":"1796009063.595831","what":"notice"},"job":null,"kind":"told","number":28,"request_id":null,"team":null,"user":null}','8bbbdb9020f1d61c20806679fd09390873c3e77042df6d1c16353954a669dbe0','cf4ffbadadab532cc1900557e4f00954c68c90d09989c080089ed31778af8496');
INSERT INTO "events" VALUES(29,'2026-11-30T03:24:25.272034Z','read',NULL,NULL,'C0OPS000001','25352413a0fe9105','33333333-3333-4333-8333-333333333333','8db63ee336dcd4d54e5d4dbaa09b52ef','{"at":"2026-11-30T03:24:25.272034Z","channel":"C0OPS000001","deletion":"25352413a0fe9105","facts":{"code":"MSS.41000003","found":"gone","status":404},"job":"33333333-3333-4333-8333-333333333333","kind":"read","number":29,"request_id":"8db63ee336dcd4d54e5d4dbaa09b52ef","team":null,"user":null}','cf4ffbadadab532cc1900557e4f00954c68c90d09989c080089ed31778af8496','46eaa3c7a5cb85b8b08733e8cf9ff955adf7947a5fd22ca9a957abf50787a25e');
INSERT INTO "events" VALUES(30,'2026-11-30T03:24:25.285012Z','told',NULL,NULL,'C0OPS000001','25352413a0fe9105','33333333-3333-4333-8333-333333333333',NULL,'{"at":"2026-11-30T03:24:25.285012Z","channel":"C0OPS000001","deletion":"25352413a0fe9105","facts":{"attempt":1,"to":"C0OPS000001","ts":"1796009065.284534","what":"looked"},"job":"33333333-3333-4333-8333-333333333333","kind":"told","number":30,"request_id":null,"team":null,"user":null}','46eaa3c7a5cb85b8b08733e8cf9ff955adf7947a5fd22ca9a957abf50787a25e','748a98aecf152490833813467ca971dc1ecc4fc7ec01fdd74d1ce2805aa19403');
INSERT INTO "events" VALUES(31,'2026-11-30T03:24:26.585138Z','command','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','1095ea6ebd547b70','22222222-2222-4222-8222-222222222222',NULL,'{"at":"2026-11-30T03:24:26.585138Z","channel":"C0OPS000001","deletion":"1095ea6ebd547b70","facts":{},"job":"22222222-2222-4222-8222-222222222222","kind":"command","number":31,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','748a98aecf152490833813467ca971dc1ecc4fc7ec01fdd74d1ce2805aa19403','81b08da19920e4a46ee1e9e7cfefe3220ffe8cc95d9b869133e8b9b95757bc16');
INSERT INTO "events" VALUES(32,'2026-11-30T03:24:26.590841Z','proposed','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','1095ea6ebd547b70','22222222-2222-4222-8222-222222222222',NULL,'{"at":"2026-11-30T03:24:26.590841Z","channel":"C0OPS000001","deletion":"1095ea6ebd547b70","facts":{"rule":"requester","state":"TRAIN_FAILED"},"job":"22222222-2222-4222-8222-222222222222","kind":"proposed","number":32,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','81b08da19920e4a46ee1e9e7cfefe3220ffe8cc95d9b869133e8b9b95757bc16','32b53b2ac9ac2ccc7d6d74a495d838b785d3494378d7f17dcd2ae5e05c4a6049');
INSERT INTO "events" VALUES(33,'2026-11-30T03:24:26.603528Z','card_posted',NULL,NULL,'C0OPS000001','1095ea6ebd547b70','22222222-2222-4222-8222-222222222222',NULL,'{"at":"2026-11-30T03:24:26.603528Z","channel":"C0OPS000001","deletion":"1095ea6ebd547b70","facts":{"ts":"1796009066.601704"},"job":"22222222-2222-4222-8222-222222222222","kind":"card_posted","number":33,"request_id":null,"team":null,"user":null}','32b53b2ac9ac2ccc7d6d74a495d838b785d3494378d7f17dcd2ae5e05c4a6049','1e38d5abb877d696aaaf8c3e880137b2f9b7faf7c6d2f3d0eb631e6f2457f55b');
INSERT INTO "events" VALUES(34,'2026-11-30T03:24:26.605215Z','click','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','1095ea6ebd547b70',NULL,NULL,'{"at":"2026-11-30T03:24:26.605215Z","channel":"C0OPS000001","deletion":"1095ea6ebd547b70","facts":{"action":"dh_confirm"},"job":null,"kind":"click","number":34,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','1e38d5abb877d696aaaf8c3e880137b2f9b7faf7c6d2f3d0eb631e6f2457f55b','c3296c530bc8df04d355511d3efe6024ed808d55344061bf3524051775b8142e');
INSERT INTO "events" VALUES(35,'2026-11-30T03:24:26.617984Z','claimed','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','1095ea6ebd547b70','22222222-2222-4222-8222-222222222222',NULL,'{"at":"2026-11-30T03:24:26.617984Z","channel":"C0OPS000001","deletion":"1095ea6ebd547b70","facts":{"attempt":1},"job":"22222222-2222-4222-8222-222222222222","kind":"claimed","number":35,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','c3296c530bc8df04d355511d3efe6024ed808d55344061bf3524051775b8142e','a196c68b4e53c192ccdc323c70207e2339e775cd9a56c9b1a677ff6292297b69');
INSERT INTO "events" VALUES(36,'2026-11-30T03:24:26.623479Z','unknown','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','1095ea6ebd547b70','22222222-2222-4222-8222-222222222222',NULL,'{"at":"2026-11-30T03:24:26.623479Z","channel":"C0OPS000001","deletion":"1095ea6ebd547b70","facts":{"cause":"the connection broke before a whole answer had arrived","code":null,"means":"sent, and no whole answer came back","status":null},"job":"22222222-2222-4222-8222-222222222222","kind":"unknown","number":36,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','a196c68b4e53c192ccdc323c70207e2339e775cd9a56c9b1a677ff6292297b69','3d8e10371969cd1b29a0e72ffeb03672ef770d57113e86591e4b90458b511c84');
INSERT INTO "events" VALUES(37,'2026-11-30T03:24:26.646887Z','told',NULL,NULL,'C0OPS000001','1095ea6ebd547b70','22222222-2222-4222-8222-222222222222',NULL,'{"at":"2026-11-30T03:24:26.646887Z","channel":"C0OPS000001","deletion":"1095ea6ebd547b70","facts":{"attempt":1,"to":"C0OPS000001","ts":"1796009066.645612","what":"unknown"},"job":"22222222-2222-4222-8222-222222222222","kind":"told","number":37,"request_id":null,"team":null,"user":null}','3d8e10371969cd1b29a0e72ffeb03672ef770d57113e86591e4b90458b511c84','67a29506f592b0c44172f6f05819be7f5e40b10f30ce116a1acc29b1b6ded2b8');
INSERT INTO "events" VALUES(38,'2026-11-30T03:24:26.647331Z','command','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','5eef9f6be8653d1b','11111111-1111-4111-8111-111111111111',NULL,'{"at":"2026-11-30T03:24:26.647331Z","channel":"C0OPS000001","deletion":"5eef9f6be8653d1b","facts":{},"job":"11111111-1111-4111-8111-111111111111","kind":"command","number":38,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','67a29506f592b0c44172f6f05819be7f5e40b10f30ce116a1acc29b1b6ded2b8','6519d79904c5d7d666cd4219889cd8693c5759a36d4b0ef08ed92bf2a49c7f32');
INSERT INTO "events" VALUES(39,'2026-11-30T03:24:26.660020Z','proposed','U0ANNA00001','T3R5OXRVUQQ','C0OPS000001','5eef9f6be8653d1b','11111111-1111-4111-8111-111111111111',NULL,'{"at":"2026-11-30T03:24:26.660020Z","channel":"C0OPS000001","deletion":"5eef9f6be8653d1b","facts":{"rule":"requester","state":"TRAIN_FAILED"},"job":"11111111-1111-4111-8111-111111111111","kind":"proposed","number":39,"request_id":null,"team":"T3R5OXRVUQQ","user":"U0ANNA00001"}','6519d79904c5d7d666cd4219889cd8693c5759a36d4b0ef08ed92bf2a49c7f32','a502a695e2309026393e86a0f2e2e55cfcb1b70df8681999aefed872e6e1ae13');
INSERT INTO "events" VALUES(40,'2026-11-30T03:24:26.670734Z','card_posted',NULL,NULL,'C0OPS000001','5eef9f6be8653d1b','11111111-1111-4111-8111-111111111111',NULL,'{"at":"2026-11-30T03:24:26.670734Z","channel":"C0OPS000001","deletion":"5eef9f6be8653d1b","facts":{"ts":"1796009066.669252"},"job":"11111111-1111-4111-8111-111111111111","kind":"card_posted","number":40,"request_id":null,"team":null,"user":null}','a502a695e2309026393e86a0f2e2e55cfcb1b70df8681999aefed872e6e1ae13','20bede69eaf92d0528e0b1a9eb3e69497f2529413c7d89ebc87e6a9f517d4cc3');
INSERT INTO "events" VALUES(41,'2026-11-30T03:24:29.278246Z','read',NULL,NULL,'C0OPS000001','1095ea6ebd547b70','22222222-2222-4222-8222-222222222222','3e3f4af94cdf35ecb31edd6209ce1838','{"at":"2026-11-30T03:24:29.278246Z","channel":"C0OPS000001","deletion":"1095ea6ebd547b70","facts":{"agreeing":1,"code":null,"found":"present","status":200},"job":"22222222-2222-4222-8222-222222222222","kind":"read","number":41,"request_id":"3e3f4af94cdf35ecb31edd6209ce1838","team":null,"user":null}','20bede69eaf92d0528e0b1a9eb3e69497f2529413c7d89ebc87e6a9f517d4cc3','a721409473bbc3cb991914b70e673928b97ad952c8f7a7cfe78fd7d2f580d1d5');
CREATE TABLE freezes (
	id VARCHAR(16) NOT NULL,
	endpoint TEXT NOT NULL,
	project_id TEXT NOT NULL,
	by_user TEXT NOT NULL,
	by_team TEXT NOT NULL,
	at VARCHAR(27) NOT NULL,
	channel TEXT NOT NULL,
	reason TEXT NOT NULL,
	lifted_by_user TEXT,
	lifted_by_team TEXT,
	lifted_at VARCHAR(27),
	CONSTRAINT pk_freezes PRIMARY KEY (id)
);
INSERT INTO "freezes" VALUES('4290c010cd948470','METASTUDIO','0123456789abcdef0123456789abcdef','U0BEN000001','T3R5OXRVUQQ','2026-11-30T03:24:19.586032Z','C0OPS000001','maintenance','U0BEN000001','T3R5OXRVUQQ','2026-11-30T03:24:23.584839Z');
CREATE TABLE log_cursors (
	channel TEXT NOT NULL,
	number INTEGER NOT NULL, lease_owner TEXT, lease_until VARCHAR(27),
	CONSTRAINT pk_log_cursors PRIMARY KEY (channel)
);
CREATE TABLE outbox (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	thread TEXT NOT NULL,
	kind TEXT NOT NULL,
	deletion TEXT NOT NULL,
	recipient TEXT NOT NULL,
	thread_ts TEXT,
	facts TEXT NOT NULL,
	attempts INTEGER NOT NULL,
	written_at VARCHAR(27) NOT NULL,
	due_at VARCHAR(27),
	lease_owner TEXT,
	lease_until VARCHAR(27)
);
CREATE TABLE owners (
	owner TEXT NOT NULL,
	seen_at VARCHAR(27) NOT NULL,
	CONSTRAINT pk_owners PRIMARY KEY (owner)
);
CREATE UNIQUE INDEX uq_deletions_open ON deletions (endpoint, project_id, job_id) WHERE state IN ('awaiting', 'deleting', 'unknown');
CREATE INDEX ix_deletions_expire ON deletions (deadline_at) WHERE state = 'awaiting';
CREATE INDEX ix_deletions_takeover ON deletions (takeover_at) WHERE state = 'deleting';
CREATE INDEX ix_deletions_read ON deletions (read_due_at) WHERE read_due_at IS NOT NULL;
CREATE INDEX ix_deletions_job ON deletions (job_id, asked_at);
CREATE INDEX ix_deletions_channel ON deletions (channel, asked_at);
CREATE INDEX ix_events_deletion ON events (deletion) WHERE deletion IS NOT NULL;
CREATE INDEX ix_outbox_thread ON outbox (thread, number);
CREATE TRIGGER events_continue BEFORE INSERT ON events WHEN NOT EXISTS (SELECT 1 FROM chain_head WHERE id = 1 AND number = NEW.number - 1 AND hash = NEW.previous_hash) BEGIN SELECT RAISE(ABORT, 'an event must continue the chain'); END;
CREATE TRIGGER events_move_head AFTER INSERT ON events BEGIN UPDATE chain_head SET number = NEW.number, hash = NEW.hash WHERE id = 1; END;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events  BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events WHEN OLD.number > coalesce((SELECT max(number) FROM checkpoints), 0) BEGIN SELECT RAISE(ABORT, 'events beyond a checkpoint are never deleted'); END;
CREATE TRIGGER chain_head_step BEFORE UPDATE ON chain_head WHEN NEW.id <> OLD.id OR NEW.number <> OLD.number + 1 OR NOT EXISTS (SELECT 1 FROM events WHERE number = NEW.number AND hash = NEW.hash) BEGIN SELECT RAISE(ABORT, 'the head moves with an event only'); END;
CREATE TRIGGER chain_head_no_insert BEFORE INSERT ON chain_head  BEGIN SELECT RAISE(ABORT, 'there is one head'); END;
CREATE TRIGGER chain_head_no_delete BEFORE DELETE ON chain_head  BEGIN SELECT RAISE(ABORT, 'there is one head'); END;
CREATE TRIGGER checkpoints_name_event BEFORE INSERT ON checkpoints WHEN NOT EXISTS (SELECT 1 FROM events WHERE number = NEW.number AND hash = NEW.hash) BEGIN SELECT RAISE(ABORT, 'a checkpoint names an event as it stands'); END;
CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints  BEGIN SELECT RAISE(ABORT, 'checkpoints stay'); END;
CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints  BEGIN SELECT RAISE(ABORT, 'checkpoints stay'); END;
CREATE UNIQUE INDEX uq_freezes_standing ON freezes (endpoint, project_id) WHERE lifted_at IS NULL;
CREATE INDEX ix_deletions_deleted ON deletions (endpoint, project_id, ended_at) WHERE state = 'deleted';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outbox',12);
COMMIT;
