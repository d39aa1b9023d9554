//! The same tests on both databases.

use sqlx::Row as _;

use super::*;
use crate::store::postgres;

const NOTES: Schema = Schema {
    room: "notes",
    migrations: &[Migration {
        version: 1,
        name: "notes",
        sql: "CREATE TABLE notes (id SERIAL_KEY, body TEXT NOT NULL, raw BYTES);\
              CREATE TABLE notes_tag (note BIGINT NOT NULL REFERENCES notes (id));",
    }],
};

/// A database of each kind, with the folder that the file is in.
async fn both() -> (tempfile::TempDir, [Database; 2]) {
    let folder = tempfile::tempdir().expect("temp");
    let address = postgres::server().new_database();
    let sqlite = Database::open(folder.path(), None).await.expect("sqlite");
    let postgres = Database::open(folder.path(), Some(&address))
        .await
        .expect("postgres");
    (folder, [sqlite, postgres])
}

async fn count(database: &Database) -> i64 {
    sqlx::query("SELECT COUNT(*) FROM notes")
        .fetch_one(database.pool())
        .await
        .expect("count")
        .get(0)
}

#[tokio::test]
async fn what_is_written_is_read_back_whole() {
    let (_folder, databases) = both().await;
    for database in databases {
        database.migrate(&NOTES).await.expect("migrate");
        let id: i64 = sqlx::query("INSERT INTO notes (body, raw) VALUES ($1, $2) RETURNING id")
            .bind("a 'quoted' \u{1F980}")
            .bind(vec![0_u8, 255])
            .fetch_one(database.pool())
            .await
            .expect("insert")
            .get(0);
        let row = sqlx::query("SELECT body, raw FROM notes WHERE id = $1")
            .bind(id)
            .fetch_one(database.pool())
            .await
            .expect("select");
        assert_eq!(row.get::<String, _>(0), "a 'quoted' \u{1F980}");
        assert_eq!(row.get::<Vec<u8>, _>(1), vec![0_u8, 255]);
    }
}

#[tokio::test]
async fn a_reference_to_nothing_is_refused() {
    let (_folder, databases) = both().await;
    for database in databases {
        database.migrate(&NOTES).await.expect("migrate");
        let refused = sqlx::query("INSERT INTO notes_tag (note) VALUES ($1)")
            .bind(77_i64)
            .execute(database.pool())
            .await;
        assert!(refused.is_err(), "{:?}", database.backend());
    }
}

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing() {
    let (_folder, databases) = both().await;
    for database in databases {
        database.migrate(&NOTES).await.expect("migrate");
        let mut transaction = database.write().await.expect("begin");
        sqlx::query("INSERT INTO notes (body) VALUES ('x')")
            .execute(&mut *transaction)
            .await
            .expect("insert");
        drop(transaction);
        assert_eq!(count(&database).await, 0);
    }
}

#[tokio::test]
async fn many_writers_at_once_all_get_their_turn() {
    let (_folder, databases) = both().await;
    for database in databases {
        database.migrate(&NOTES).await.expect("migrate");
        let writers = (0..32).map(|_| {
            let database = database.clone();
            tokio::spawn(async move {
                let mut transaction = database.write().await.expect("begin");
                sqlx::query("SELECT COUNT(*) FROM notes")
                    .fetch_one(&mut *transaction)
                    .await
                    .expect("read first");
                sqlx::query("INSERT INTO notes (body) VALUES ('x')")
                    .execute(&mut *transaction)
                    .await
                    .expect("then write");
                transaction.commit().await.expect("commit");
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("no panic");
        }
        assert_eq!(count(&database).await, 32);
    }
}

#[tokio::test]
async fn migrating_twice_or_from_two_sides_at_once_makes_the_tables_once() {
    let (_folder, databases) = both().await;
    for database in databases {
        let (one, other) = tokio::join!(database.migrate(&NOTES), database.migrate(&NOTES));
        one.expect("first");
        other.expect("second");
        assert_eq!(count(&database).await, 0);
    }
}

#[tokio::test]
async fn tables_of_another_remint_are_left_alone() {
    let (_folder, databases) = both().await;
    for database in databases {
        database.migrate(&NOTES).await.expect("migrate");
        let changed = Schema {
            room: "notes",
            migrations: &[Migration {
                version: 1,
                name: "notes",
                sql: "CREATE TABLE notes (id SERIAL_KEY);",
            }],
        };
        let older = Schema {
            room: "notes",
            migrations: &[],
        };
        for schema in [&changed, &older] {
            let error = database.migrate(schema).await.expect_err("not ours");
            assert!(matches!(error, DatabaseError::Schema { .. }), "{error}");
        }
        assert_eq!(count(&database).await, 0);
    }
}

#[tokio::test]
async fn a_wrong_address_says_what_to_write_and_never_the_password() {
    let folder = tempfile::tempdir().expect("temp");
    for address in ["nonsense", "mysql://me:secret@db.example/x"] {
        let error = Database::open(folder.path(), Some(address))
            .await
            .expect_err("no address");
        let text = error.to_string();
        assert!(
            text.contains("postgres://") && !text.contains("secret"),
            "{text}"
        );
    }
    let nowhere = "postgres://me:secret@127.0.0.1:1/x";
    let error = Database::open(folder.path(), Some(nowhere))
        .await
        .expect_err("nobody listens");
    assert!(error.is_passing(), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn a_cut_connection_passes() {
    let server = postgres::Server::start();
    let database = Database::open(Path::new("/"), Some(&server.new_database()))
        .await
        .expect("postgres");
    database.migrate(&NOTES).await.expect("migrate");
    let mut transaction = database.write().await.expect("begin");
    server.cut_connections();
    let error = sqlx::query("INSERT INTO notes (body) VALUES ('x')")
        .execute(&mut *transaction)
        .await
        .map_err(DatabaseError::query("insert"))
        .expect_err("cut");
    assert!(error.is_passing(), "{error}");
    drop(transaction);
    assert_eq!(count(&database).await, 0, "the next one connects again");
}

#[tokio::test]
async fn a_folder_with_unusual_letters_holds_a_database() {
    let folder = tempfile::tempdir().expect("temp");
    let odd = folder.path().join("a b%20?#ü");
    let database = Database::open(&odd, None).await.expect("open");
    database.migrate(&NOTES).await.expect("migrate");
    assert!(odd.join("remint.db").exists());
}
