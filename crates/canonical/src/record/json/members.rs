//! The members of an object.

use std::collections::HashMap;

use super::Json;

/// The members of an object, in the order in which they were written, each name once.
#[derive(Clone, Debug, Default)]
pub struct Members(Vec<(String, Json)>);

/// Up to so many names are compared one by one, which is faster than hashing them.
const COMPARED_MAX: usize = 16;

impl Members {
    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.position(name).map(|index| &self.0[index].1)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Json> {
        self.position(name).map(|index| &mut self.0[index].1)
    }

    /// Whether there is a member of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    /// The member of this name, added behind the others as `null` when there is none.
    pub fn get_or_add(&mut self, name: &str) -> &mut Json {
        let index = self.position(name).unwrap_or_else(|| {
            self.0.push((name.to_owned(), Json::Null));
            self.0.len() - 1
        });
        &mut self.0[index].1
    }

    /// Gives a member a value, in its place, or behind the others when there was none.
    pub fn set(&mut self, name: &str, value: Json) {
        *self.get_or_add(name) = value;
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Values, in order.
    pub fn values(&self) -> impl Iterator<Item = &Json> {
        self.0.iter().map(|(_, value)| value)
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(known, _)| known == name)
    }

    /// Where every name stands, for objects with so many members that looking for each of them would take long.
    fn positions(&self) -> Option<HashMap<&str, usize>> {
        let is_large = self.0.len() > COMPARED_MAX;
        is_large.then(|| self.0.iter().enumerate().map(|(index, (name, _))| (name.as_str(), index)).collect())
    }
}

impl PartialEq for Members {
    fn eq(&self, other: &Self) -> bool {
        if self.0.len() != other.0.len() {
            return false;
        }
        if self.0.iter().zip(&other.0).all(|((left, _), (right, _))| left == right) {
            return self.values().eq(other.values());
        }
        let positions = other.positions();
        self.0.iter().all(|(name, value)| {
            let found = match &positions {
                Some(positions) => positions.get(name.as_str()).map(|index| &other.0[*index].1),
                None => other.get(name),
            };
            found == Some(value)
        })
    }
}

impl FromIterator<(String, Json)> for Members {
    /// Of several members of one name the last one counts, in the place of the first.
    fn from_iter<I: IntoIterator<Item = (String, Json)>>(members: I) -> Self {
        let all = Members(members.into_iter().collect());
        let is_repeated = match all.positions() {
            Some(positions) => positions.len() < all.0.len(),
            None => (1..all.0.len()).any(|index| all.0[..index].iter().any(|(name, _)| *name == all.0[index].0)),
        };
        if !is_repeated {
            return all;
        }
        let mut positions: HashMap<String, usize> = HashMap::new();
        let mut once: Vec<(String, Json)> = Vec::new();
        for (name, value) in all.0 {
            match positions.get(&name) {
                Some(index) => once[*index].1 = value,
                None => {
                    positions.insert(name.clone(), once.len());
                    once.push((name, value));
                }
            }
        }
        Members(once)
    }
}

impl IntoIterator for Members {
    type Item = (String, Json);
    type IntoIter = std::vec::IntoIter<(String, Json)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
