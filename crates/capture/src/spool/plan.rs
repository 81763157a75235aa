//! What is kept of plans: the one in force, how far mail was read, what was left out.

use rusqlite::{OptionalExtension, Transaction, params};
use seal::Decision;
use tlog::LogIndex;
use wire::AccountHandle;

use super::{Spool, SpoolError, damaged, int, unsigned};

pub(super) const TABLES: &str = "
CREATE TABLE plan (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    mail_next INTEGER NOT NULL,
    sealed BLOB
);
INSERT INTO plan (one, mail_next) VALUES (1, 0);
CREATE TABLE left_out (
    account BLOB NOT NULL,
    day INTEGER NOT NULL,
    plan INTEGER NOT NULL,
    excluded INTEGER NOT NULL,
    private INTEGER NOT NULL,
    PRIMARY KEY (account, day, plan)
) WITHOUT ROWID;
";

/// A day since 1970-01-01 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

/// What a plan left out of one account on one day (PLAN-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The day of capture.
    pub day: Day,
    /// Number of the plan that decided.
    pub plan: u64,
    /// Records out of scope.
    pub excluded: u64,
    /// Records of private conversations.
    pub private: u64,
}

impl Day {
    /// The day of a time.
    pub fn of(at: canonical::Milliseconds) -> Self {
        Self(at.get().div_euclid(86_400_000))
    }

    /// Its first millisecond.
    pub fn begins(self) -> canonical::Milliseconds {
        canonical::Milliseconds::new(self.0.saturating_mul(86_400_000))
    }
}

impl LeftOut {
    /// Nothing yet.
    pub fn none(day: Day, plan: u64) -> Self {
        Self {
            day,
            plan,
            excluded: 0,
            private: 0,
        }
    }

    /// Counts one more.
    pub fn count(&mut self, decision: Decision) {
        match decision {
            Decision::Capture => {}
            Decision::Exclude => self.excluded += 1,
            Decision::Private => self.private += 1,
        }
    }

    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.excluded == 0 && self.private == 0
    }
}

impl Spool {
    /// The plan in force, sealed under the agent's local key.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn plan(&self) -> Result<Option<Vec<u8>>, SpoolError> {
        Ok(self
            .db
            .query_row("SELECT sealed FROM plan", [], |row| row.get(0))?)
    }

    /// From which log index on mail is to be read.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn mail_next(&self) -> Result<LogIndex, SpoolError> {
        let next: i64 = self
            .db
            .query_row("SELECT mail_next FROM plan", [], |row| row.get(0))?;
        Ok(LogIndex::new(unsigned(next)?))
    }

    /// Notes that mail below `next` was read, and the plan that it brought, in one step.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn keep_mail(&mut self, next: LogIndex, sealed: Option<&[u8]>) -> Result<(), SpoolError> {
        self.db.execute(
            "UPDATE plan SET mail_next = ?1, sealed = coalesce(?2, sealed)",
            params![int(next.get())?, sealed],
        )?;
        Ok(())
    }

    /// What was left out of an account before this day, or under another plan than this one.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn left_out(
        &self,
        account: &AccountHandle,
        today: Day,
        plan: u64,
    ) -> Result<Option<LeftOut>, SpoolError> {
        let row = self
            .db
            .prepare_cached(
                "SELECT day, plan, excluded, private FROM left_out
                 WHERE account = ?1 AND (day < ?2 OR plan <> ?3) ORDER BY day, plan LIMIT 1",
            )?
            .query_row(params![account.as_bytes(), today.0, int(plan)?], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, i64>(2)?,
                    row.get::<_, i64>(3)?,
                ))
            })
            .optional()?;
        row.map(|(day, plan, excluded, private)| {
            Ok(LeftOut {
                day: Day(day),
                plan: unsigned(plan)?,
                excluded: unsigned(excluded)?,
                private: unsigned(private)?,
            })
        })
        .transpose()
    }

    /// Everything left out of all accounts that no record tells yet.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub fn left_out_in_all(&self) -> Result<(u64, u64), SpoolError> {
        let (excluded, private): (i64, i64) = self.db.query_row(
            "SELECT coalesce(sum(excluded), 0), coalesce(sum(private), 0) FROM left_out",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if excluded < 0 || private < 0 {
            return Err(damaged("count of what was left out"));
        }
        Ok((unsigned(excluded)?, unsigned(private)?))
    }
}

/// The sealed plan in the database of a spool that another process may have open.
///
/// # Errors
///
/// When it can not be read.
pub fn plan_beside(database: &std::path::Path) -> Result<Option<Vec<u8>>, SpoolError> {
    let db = super::schema::reader(database)?;
    Ok(db.query_row("SELECT sealed FROM plan", [], |row| row.get(0))?)
}

/// In a group's transaction: counts what it left out, and forgets what it tells.
pub(super) fn write(
    tx: &Transaction<'_>,
    account: &AccountHandle,
    left_out: &[LeftOut],
    told: Option<&LeftOut>,
) -> Result<(), SpoolError> {
    for left in left_out {
        tx.execute(
            "INSERT INTO left_out (account, day, plan, excluded, private)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (account, day, plan) DO UPDATE
             SET excluded = excluded + ?4, private = private + ?5",
            params![
                account.as_bytes(),
                left.day.0,
                int(left.plan)?,
                int(left.excluded)?,
                int(left.private)?
            ],
        )?;
    }
    if let Some(told) = told {
        tx.execute(
            "DELETE FROM left_out WHERE account = ?1 AND day = ?2 AND plan = ?3",
            params![account.as_bytes(), told.day.0, int(told.plan)?],
        )?;
    }
    Ok(())
}
