CREATE TABLE IF NOT EXISTS {t} (
    id VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    next_run_time DOUBLE,
    job_state LONGBLOB NOT NULL,
    PRIMARY KEY (id)
)
;
CREATE INDEX ix_{t}_next_run_time ON {t} (next_run_time);
CREATE TABLE IF NOT EXISTS {t}_schema (
    step INTEGER NOT NULL,
    made_us BIGINT NOT NULL,
    PRIMARY KEY (step)
)
;
CREATE TABLE IF NOT EXISTS {t}_meta (
    job_id VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    generation BIGINT NOT NULL,
    born BIGINT NOT NULL,
    PRIMARY KEY (job_id)
)
;
CREATE TABLE IF NOT EXISTS {t}_runs (
    job_id VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    generation BIGINT NOT NULL,
    kind SMALLINT NOT NULL,
    fire_us BIGINT NOT NULL,
    state SMALLINT NOT NULL,
    token INTEGER NOT NULL,
    node BIGINT NOT NULL,
    node_name VARCHAR(120) NOT NULL,
    batch BIGINT NOT NULL,
    lead BIGINT NOT NULL,
    attempt SMALLINT NOT NULL,
    delivery SMALLINT NOT NULL,
    count INTEGER NOT NULL,
    last_us BIGINT,
    seq BIGINT NOT NULL,
    claimed_us BIGINT NOT NULL,
    started_us BIGINT,
    finished_us BIGINT,
    late_word SMALLINT NOT NULL DEFAULT '0',
    reason MEDIUMTEXT CHARACTER SET utf8mb4,
    error MEDIUMTEXT CHARACTER SET utf8mb4,
    traceback MEDIUMTEXT CHARACTER SET utf8mb4,
    result MEDIUMTEXT CHARACTER SET utf8mb4,
    job_state LONGBLOB,
    PRIMARY KEY (job_id, generation, kind, fire_us)
)
;
CREATE INDEX ix_{t}_runs_seq ON {t}_runs (seq);
CREATE INDEX ix_{t}_runs_state ON {t}_runs (state, job_id);
CREATE TABLE IF NOT EXISTS {t}_nodes (
    epoch BIGINT NOT NULL,
    name VARCHAR(120) NOT NULL,
    pid BIGINT NOT NULL,
    beat BIGINT NOT NULL,
    batch BIGINT NOT NULL,
    lease_us BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    started_us BIGINT NOT NULL,
    PRIMARY KEY (epoch)
)
;
CREATE TABLE IF NOT EXISTS {t}_leader (
    name VARCHAR(20) NOT NULL,
    epoch BIGINT NOT NULL,
    node_name VARCHAR(120) NOT NULL,
    token BIGINT NOT NULL,
    PRIMARY KEY (name)
)
;
INSERT INTO {t}_schema (step, made_us) VALUES (1, 0);
INSERT INTO {t}_schema (step, made_us) VALUES (2, 0);
