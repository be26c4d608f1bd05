use super::*;

/// SQLite says for each step of a statement whether it searches by an index or goes through all rows.
#[test]
fn no_hot_statement_goes_through_a_table() {
    let (_folder, path) = place();
    let (store, ..) = with_room(&path);
    for statement in sql::HOT {
        let mut plan = store.db.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let parameters = plan.parameter_count();
        let steps: Vec<String> = plan
            .query_map(rusqlite::params_from_iter(vec![1; parameters]), |row| row.get(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for step in &steps {
            // What a subquery found is gone through, and nothing else.
            let through_all = step.starts_with("SCAN")
                && !["SCAN json_each", "SCAN (subquery"].iter().any(|fine| step.starts_with(fine));
            assert!(!through_all, "{statement}\n{steps:#?}");
            let sorts_all = step == "USE TEMP B-TREE FOR ORDER BY";
            let small = [sql::AT, sql::MISSING].contains(&statement);
            assert!(!sorts_all || small, "{statement}\n{steps:#?}");
        }
    }
}
